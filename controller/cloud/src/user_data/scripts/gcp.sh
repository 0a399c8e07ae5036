
meta() { ask --header 'Metadata-Flavor: Google' "${SPILLWAY_METADATA:-http://metadata.google.internal}/computeMetadata/v1/$1"; }

# A header with a token of the machine's service account, for curl's standard input: arguments can be seen by all.
bearer() {
  local token
  token=$(meta instance/service-accounts/default/token | field access_token)
  [ -n "$token" ] && printf 'Authorization: Bearer %s\n' "$token"
}

zone() { meta instance/zone | sed 's|.*/||'; }

instance_id() { echo "$(zone)/$(meta instance/name)"; }

# A machine that is stopped costs its disk only: what is left when it may not delete itself.
end_billing() {
  local api=${SPILLWAY_CLOUD_API:-https://compute.googleapis.com}
  if [ "$1" -gt 6 ]; then
    shutdown -h now
    return
  fi
  bearer | ask --request DELETE --header @- \
    "$api/compute/v1/projects/$(meta project/project-id)/zones/$(zone)/instances/$(meta instance/name)"
}

fetch_secret() {
  bearer | ask --header @- "${SPILLWAY_CLOUD_API:-https://secretmanager.googleapis.com}/v1/$SPILLWAY_SECRET:access" |
    field data | base64 --decode
}

fetch_object() {
  case $1 in
    gs://*)
      bearer | download --header @- --output "$2" \
        "${SPILLWAY_CLOUD_API:-https://storage.googleapis.com}/${1#gs://}"
      ;;
    *) download --output "$2" "$1" ;;
  esac
}
