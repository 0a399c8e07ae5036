
meta() { ask --header 'Metadata: true' "${SPILLWAY_METADATA:-http://169.254.169.254}/metadata/$1"; }

# A header with a token of the machine's identity, for curl's standard input: arguments can be seen by all.
bearer() {
  local token
  token=$(meta "identity/oauth2/token?api-version=2018-02-01&resource=$1" | field access_token)
  [ -n "$token" ] && printf 'Authorization: Bearer %s\n' "$token"
}

instance_id() { meta 'instance/compute/name?api-version=2021-02-01&format=text'; }

# Stopped from inside, the machine would go on costing: it deletes itself, for as long as it takes.
end_billing() {
  local id
  id=$(meta 'instance/compute/resourceId?api-version=2021-02-01&format=text') || return
  bearer https://management.azure.com/ | ask --request DELETE --header @- \
    "${SPILLWAY_CLOUD_API:-https://management.azure.com}$id?api-version=2024-07-01&forceDeletion=true"
}

fetch_secret() {
  local url=$SPILLWAY_SECRET
  [ -z "${SPILLWAY_CLOUD_API:-}" ] || url=$SPILLWAY_CLOUD_API/secrets/${SPILLWAY_SECRET##*/secrets/}
  bearer https://vault.azure.net | ask --header @- "$url?api-version=7.4" | json_text value
}

fetch_object() {
  case $1 in
    https://*.blob.core.windows.net/*)
      bearer https://storage.azure.com/ |
        download --header @- --header 'x-ms-version: 2021-12-02' --output "$2" "$1"
      ;;
    *) download --output "$2" "$1" ;;
  esac
}
