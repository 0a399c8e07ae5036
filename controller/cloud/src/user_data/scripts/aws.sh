
meta() {
  local token metadata=${SPILLWAY_METADATA:-http://169.254.169.254}
  token=$(ask --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/latest/api/token") || return
  ask --header "X-aws-ec2-metadata-token: $token" "$metadata/latest/meta-data/$1"
}

instance_id() { meta instance-id; }

# The machine was launched with the shutdown behaviour `terminate`.
end_billing() {
  if [ "$1" -le 6 ]; then
    shutdown -h now
  else
    systemctl poweroff --force --force
  fi
}

# curl as the machine's role; the keys go through standard input, since arguments can be seen by all.
signed() {
  local service=$1 role keys
  shift
  role=$(meta iam/security-credentials/ | head -n 1) || return
  keys=$(meta "iam/security-credentials/$role") || return
  printf 'user = "%s:%s"\nheader = "x-amz-security-token: %s"\n' \
    "$(field AccessKeyId <<<"$keys")" "$(field SecretAccessKey <<<"$keys")" "$(field Token <<<"$keys")" |
    download --config - --aws-sigv4 "aws:amz:$SPILLWAY_REGION:$service" "$@"
}

fetch_secret() {
  signed secretsmanager --header 'content-type: application/x-amz-json-1.1' \
    --header 'x-amz-target: secretsmanager.GetSecretValue' --data "{\"SecretId\":\"$SPILLWAY_SECRET\"}" \
    "${SPILLWAY_CLOUD_API:-https://secretsmanager.$SPILLWAY_REGION.amazonaws.com}/" | json_text SecretString
}

fetch_object() {
  case $1 in
    s3://*) signed s3 --output "$2" "${SPILLWAY_CLOUD_API:-https://s3.$SPILLWAY_REGION.amazonaws.com}/${1#s3://}" ;;
    *) download --output "$2" "$1" ;;
  esac
}
