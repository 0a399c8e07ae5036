
meta() { ask --header 'Authorization: Bearer Oracle' "${SPILLWAY_METADATA:-http://169.254.169.254}/opc/v2/$1"; }

instance_id() { meta instance/id; }

base64_line() { base64 | tr -d '\n'; }

pem_body() { grep -v -e '-----' | tr -d '\n\r'; }

now_http() { LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT'; }

# An authorization header: key file, key id, names of the signed headers; the signing string comes on standard input.
authorization() {
  local signature
  signature=$(openssl dgst -sha256 -sign "$1" | base64_line)
  printf 'Authorization: Signature version="1",keyId="%s",algorithm="rsa-sha256",headers="%s",signature="%s"\n' \
    "$2" "$3" "$signature"
}

# The address of a service: its name, and what comes after the region.
api_of() {
  local domain
  domain=$(meta instance/regionInfo | field realmDomainComponent)
  echo "${SPILLWAY_CLOUD_API:-https://$1.$SPILLWAY_REGION.${2:-}${domain:-oraclecloud.com}}"
}

# Gets a token for this machine's certificate; leaves `token` and the key that it is bound to in `keys`, in memory.
login() {
  local date body hash tenancy fingerprint public
  keys=$(mktemp -d /dev/shm/spillway.XXXXXX)
  for file in cert key intermediate; do
    meta "identity/$file.pem" >"$keys/$file.pem" || return
  done
  openssl genrsa -out "$keys/session.pem" 2048 2>/dev/null
  public=$(openssl rsa -in "$keys/session.pem" -pubout 2>/dev/null | pem_body)
  tenancy=$(openssl x509 -in "$keys/cert.pem" -noout -subject | sed -n 's/.*opc-tenant: *\([^,/+ ]*\).*/\1/p')
  fingerprint=$(openssl x509 -in "$keys/cert.pem" -noout -fingerprint -sha1 | sed 's/.*=//')
  body=$(printf '{"certificate":"%s","publicKey":"%s","intermediateCertificates":["%s"]}' \
    "$(pem_body <"$keys/cert.pem")" "$public" "$(pem_body <"$keys/intermediate.pem")")
  hash=$(printf %s "$body" | openssl dgst -sha256 -binary | base64_line)
  date=$(now_http)
  token=$(
    printf 'date: %s\n(request-target): post /v1/x509\ncontent-length: %s\ncontent-type: application/json\nx-content-sha256: %s' \
      "$date" "${#body}" "$hash" |
      authorization "$keys/key.pem" "$tenancy/fed-x509/$fingerprint" \
        'date (request-target) content-length content-type x-content-sha256' |
      ask --header @- --header "date: $date" --header 'content-type: application/json' \
        --header "x-content-sha256: $hash" --data "$body" "$(api_of auth)/v1/x509" | field token
  )
  [ -n "$token" ]
}

# curl as this machine: method, address, further arguments.
signed() {
  local method=$1 url=$2 rest date code
  shift 2
  login || return
  rest=${url#*://}
  date=$(now_http)
  printf 'date: %s\n(request-target): %s /%s\nhost: %s' "$date" "${method,,}" "${rest#*/}" "${rest%%/*}" |
    authorization "$keys/session.pem" "ST\$$token" 'date (request-target) host' |
    download --max-time 600 --request "$method" --header @- --header "date: $date" "$@" "$url"
  code=$?
  rm -rf "$keys"
  return "$code"
}

# Stopped from inside, a machine with a GPU may go on costing: it terminates itself, for as long as it takes.
end_billing() {
  signed DELETE "$(api_of iaas)/20160918/instances/$(instance_id)?preserveBootVolume=false"
}

fetch_secret() {
  signed GET "$(api_of secrets.vaults oci.)/20190301/secretbundles/$SPILLWAY_SECRET" |
    field content | base64 --decode
}

fetch_object() {
  case $1 in
    https://objectstorage.*/n/*) signed GET "$1" --output "$2" ;;
    *) download --output "$2" "$1" ;;
  esac
}
