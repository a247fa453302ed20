{{/* Names. */}}
{{- define "quietpulse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters, so that "-evaluator-0" and the like still fit into a DNS label. */}}
{{- define "quietpulse.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "quietpulse.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "quietpulse.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "quietpulse.selectorLabels" -}}
app.kubernetes.io/name: {{ include "quietpulse.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "quietpulse.labels" -}}
{{ include "quietpulse.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "quietpulse.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "quietpulse.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "quietpulse.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "quietpulse.installationSecret" -}}
{{- default (printf "%s-installation" (include "quietpulse.fullname" .)) .Values.installation.existingSecret }}
{{- end }}

{{/* What ping URLs begin with. */}}
{{- define "quietpulse.publicUrl" -}}
{{- if .Values.http.publicUrl }}
{{- .Values.http.publicUrl }}
{{- else }}
{{- printf "http://%s-ingest.%s.svc.%s:%d" (include "quietpulse.fullname" .) .Release.Namespace .Values.clusterDomain (int .Values.ingest.service.port) }}
{{- end }}
{{- end }}

{{/* The name whose addresses are the evaluators. */}}
{{- define "quietpulse.evaluatorHost" -}}
{{- printf "%s-evaluator.%s.svc.%s" (include "quietpulse.fullname" .) .Release.Namespace .Values.clusterDomain }}
{{- end }}

{{/* A list of texts as TOML: JSON's strings are TOML's. */}}
{{- define "quietpulse.list" -}}
{{- $items := list }}{{ range . }}{{ $items = append $items (toJson (toString .)) }}{{ end -}}
[{{ join ", " $items }}]
{{- end }}

{{/* A password as a variable: of a Secret that is there, or of the one the chart makes. dict: root, name, from, key. */}}
{{- define "quietpulse.password" -}}
{{- if or .from.existingSecret .from.password }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ default (printf "%s-passwords%s" (include "quietpulse.fullname" .root) (default "" .suffix)) .from.existingSecret }}
      key: {{ ternary .from.existingSecretKey .key (ne .from.existingSecret "") }}
{{- end }}
{{- end }}

{{/* Passwords of Kafka and the store, which every process and the set-up need. dict: root, suffix. */}}
{{- define "quietpulse.passwords" -}}
{{- include "quietpulse.password" (dict "root" .root "suffix" .suffix "name" "QUIETPULSE_KAFKA_PASSWORD" "from" .root.Values.kafka.sasl "key" "kafka") }}
{{- include "quietpulse.password" (dict "root" .root "suffix" .suffix "name" "QUIETPULSE_SCYLLA_PASSWORD" "from" .root.Values.scylla "key" "scylla") }}
{{- end }}
