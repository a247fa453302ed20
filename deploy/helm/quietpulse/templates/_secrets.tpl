{{/* The installation's file. dict: root, suffix, annotations. */}}
{{- define "quietpulse.installationObject" -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ include "quietpulse.installationSecret" .root }}{{ .suffix }}
  labels:
    {{- include "quietpulse.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
type: Opaque
data:
  installation.toml: {{ .root.Values.installation.contents | b64enc }}
{{- end }}

{{/* Passwords that were given as values. dict: root, suffix, annotations. */}}
{{- define "quietpulse.passwordsObject" -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ include "quietpulse.fullname" .root }}-passwords{{ .suffix }}
  labels:
    {{- include "quietpulse.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
type: Opaque
data:
  {{- with .root.Values.kafka.sasl.password }}
  kafka: {{ b64enc . }}
  {{- end }}
  {{- with .root.Values.scylla.password }}
  scylla: {{ b64enc . }}
  {{- end }}
  {{- with .root.Values.smtp.password }}
  smtp: {{ b64enc . }}
  {{- end }}
{{- end }}

{{- define "quietpulse.hasPasswords" -}}
{{- if or .Values.kafka.sasl.password .Values.scylla.password .Values.smtp.password }}yes{{ end }}
{{- end }}
