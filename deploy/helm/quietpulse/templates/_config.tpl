{{/*
The configuration that all processes share. Lengths and sizes are texts with their unit. The server refuses a key that
it does not know, and so does deploy/tests.
*/}}
{{- define "quietpulse.toml" -}}
# Made by the chart. What differs from process to process comes in as variables.
data_dir = "/var/lib/quietpulse"
installation = "/etc/quietpulse/installation/installation.toml"

[http]
listen = "0.0.0.0:8080"
public_url = {{ include "quietpulse.publicUrl" . | toJson }}
body_limit = {{ .Values.http.bodyLimit | toJson }}
trusted_proxies = {{ include "quietpulse.list" .Values.http.trustedProxies }}

[grpc]
listen = "0.0.0.0:8081"

[admin]
listen = "0.0.0.0:8082"

[log]
backend = "kafka"

[kafka]
brokers = {{ include "quietpulse.list" .Values.kafka.brokers }}
topic = {{ .Values.kafka.topic | toJson }}
group = {{ .Values.kafka.group | toJson }}
append_timeout = {{ .Values.kafka.appendTimeout | toJson }}
skew_bound = {{ .Values.kafka.skewBound | toJson }}
session_timeout = {{ .Values.kafka.sessionTimeout | toJson }}
replication = {{ int .Values.kafka.replication }}
min_in_sync = {{ int .Values.kafka.minInSync }}
retain_for = {{ .Values.kafka.retainFor | toJson }}
sasl = {{ .Values.kafka.sasl.mechanism | toJson }}
username = {{ .Values.kafka.sasl.username | toJson }}
{{- include "quietpulse.tlsSettings" (dict "tls" .Values.kafka.tls "directory" "/etc/quietpulse/kafka-tls") }}

[store]
backend = "scylla"

[scylla]
contact_points = {{ include "quietpulse.list" .Values.scylla.contactPoints }}
keyspace = {{ .Values.scylla.keyspace | toJson }}
replication = {{ int .Values.scylla.replication }}
local_dc = {{ .Values.scylla.localDc | toJson }}
request_timeout = {{ .Values.scylla.requestTimeout | toJson }}
username = {{ .Values.scylla.username | toJson }}
{{- include "quietpulse.tlsSettings" (dict "tls" .Values.scylla.tls "directory" "/etc/quietpulse/scylla-tls") }}

[engine]
snapshot_every = {{ .Values.evaluator.snapshotEvery | toJson }}

[notifier]
evaluators = [{{ printf "%s:8081" (include "quietpulse.evaluatorHost" .) | toJson }}]
capacity = {{ int .Values.notifier.capacity }}
egress_allow = {{ include "quietpulse.list" .Values.notifications.egressAllow }}
https_only = {{ .Values.notifications.httpsOnly }}

[smtp]
server = {{ .Values.smtp.server | toJson }}
from = {{ .Values.smtp.from | toJson }}
security = {{ .Values.smtp.security | toJson }}

[telemetry]
log_format = {{ .Values.telemetry.logFormat | toJson }}
log_filter = {{ .Values.telemetry.logFilter | toJson }}
otlp_endpoint = {{ .Values.telemetry.otlpEndpoint | toJson }}
otlp_sample = {{ printf "%.4f" (float64 .Values.telemetry.otlpSample) }}
{{ end }}

{{- define "quietpulse.tlsSettings" }}
tls = {{ .tls.enabled }}
{{- if .tls.existingSecret }}
ca_file = "{{ .directory }}/ca.crt"
{{- if .tls.clientCertificate }}
certificate_file = "{{ .directory }}/tls.crt"
key_file = "{{ .directory }}/tls.key"
{{- end }}
{{- end }}
{{- end }}
