{{/* Names. Kubernetes allows 63 characters; objects of a policy have its name at the end. */}}
{{- define "spillway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of a policy's controller; context: dict "root" $ "policy" NAME. A long name keeps a digest, so that two stay two. */}}
{{- define "spillway.controllerName" -}}
{{- $name := printf "%s-%s" (include "spillway.fullname" .root) .policy -}}
{{- if gt (len $name) 52 -}}
{{- printf "%s-%s" (trunc 43 $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/*
Whose machines a policy's are. Another for each policy: a controller ends what has its tag and no intent of its own.
Clouds allow 63 characters.
*/}}
{{- define "spillway.owner" -}}
{{- $release := default (printf "%s-%s" .root.Release.Namespace (include "spillway.fullname" .root)) .root.Values.controller.owner -}}
{{- $owner := printf "%s-%s" $release .policy -}}
{{- if gt (len $owner) 63 -}}
{{- printf "%s-%s" (trunc 54 $owner | trimSuffix "-") (sha256sum $owner | trunc 8) -}}
{{- else -}}
{{- $owner -}}
{{- end -}}
{{- end -}}

{{- define "spillway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: spillway
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What never changes in an object's life; context: dict "root" $ "component" NAME. */}}
{{- define "spillway.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .policy }}
spillway.dev/policy: {{ . }}
{{- end }}
{{- end -}}

{{/* Context: dict "root" $ "image" .Values.….image. */}}
{{- define "spillway.image" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- $repository := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- $tagged := printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) -}}
{{- ternary (printf "%s@%s" $tagged .image.digest) $tagged (ne .image.digest "") -}}
{{- end -}}

{{- define "spillway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (printf "%s-controller" (include "spillway.fullname" .)) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where the chart makes none" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What the restricted Pod Security Standard asks of a pod. */}}
{{- define "spillway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* And of a container. */}}
{{- define "spillway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where and how pods run, as the values of a component say; context: its values. */}}
{{- define "spillway.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The token of the pod's ServiceAccount, mounted by the pod itself, so that automounting stays off. Mode 288 is 0440. */}}
{{- define "spillway.tokenVolume" -}}
name: token
projected:
  defaultMode: 288
  sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3600}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}
{{- define "spillway.tokenMount" -}}
{name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end -}}

{{/* How a program reaches Kafka. */}}
{{- define "spillway.kafkaEnv" -}}
- {name: SPILLWAY_BROKERS, value: {{ .Values.kafka.brokers | quote }}}
{{- with include "spillway.kafkaConfigEnv" . }}
{{ . }}
{{- end }}
{{- end -}}

{{/* The same for one that has the brokers from its policy. An entry of the Secret becomes a variable that the property names. */}}
{{- define "spillway.kafkaConfigEnv" -}}
{{- $kafka := .Values.kafka }}
{{- if and $kafka.secretProperties (not $kafka.secretName) }}
{{- fail "kafka.secretName is needed: kafka.secretProperties are entries of that Secret" }}
{{- end }}
{{- $properties := list }}
{{- $lines := list }}
{{- range $property, $value := $kafka.properties }}
{{- $properties = append $properties (printf "%s=%v" $property $value) }}
{{- end }}
{{- range $property, $entry := $kafka.secretProperties }}
{{- $variable := printf "KAFKA_%s" (regexReplaceAll "[^A-Z0-9]" (upper $property) "_") }}
{{- $properties = append $properties (printf "%s=$(%s)" $property $variable) }}
{{- $lines = append $lines (printf "- {name: %s, valueFrom: {secretKeyRef: {name: %s, key: %s}}}" $variable $kafka.secretName ($entry | quote)) }}
{{- end }}
{{- with $properties }}
{{- $lines = append $lines (printf "- {name: SPILLWAY_KAFKA_CONFIG, value: %s}" (join "," . | quote)) }}
{{- end }}
{{- join "\n" $lines }}
{{- end -}}

{{/* Mounts of the model set and of Kafka's files, which the image may have already or nobody needs. */}}
{{- define "spillway.sharedMounts" -}}
{{- with .Values.workers.modelSet }}
{{- if or .existingClaim .image }}
- {name: models, mountPath: {{ .path | quote }}, readOnly: true}
{{- end }}
{{- end }}
{{- if .Values.kafka.secretName }}
- {name: kafka, mountPath: /etc/spillway/kafka, readOnly: true}
{{- end }}
{{- end -}}

{{/* And their volumes. */}}
{{- define "spillway.sharedVolumes" -}}
{{- with .Values.workers.modelSet }}
{{- if and .existingClaim .image }}
{{- fail "workers.modelSet is a claim or an image, not both" }}
{{- end }}
{{- if .existingClaim }}
- {name: models, persistentVolumeClaim: {claimName: {{ .existingClaim }}, readOnly: true}}
{{- else if .image }}
- {name: models, image: {reference: {{ .image | quote }}}}
{{- end }}
{{- end }}
{{- with .Values.kafka.secretName }}
- {name: kafka, secret: {secretName: {{ . }}, defaultMode: 288}}
{{- end }}
{{- end -}}

{{/* Where traces go; nothing where they go nowhere. */}}
{{- define "spillway.tracingEnv" -}}
{{- with .Values.tracing }}
{{- if .endpoint }}
- {name: SPILLWAY_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .ratio | quote }}}
{{- end }}
{{- end }}
{{- end -}}
