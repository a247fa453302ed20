{{/*
The pod of one role. dict: root, role, values (.Values.<role>).

Liveness asks /healthz (the process lives), readiness /readyz (it can do its job now): a restart mends neither a proxy nor a
broker. The variables that Kubernetes makes of Services are left out, since QuietPulse refuses variables it does not know.
*/}}
{{- define "quietpulse.pod" -}}
{{- $root := .root }}
metadata:
  annotations:
    # A changed configuration is a new pod.
    checksum/config: {{ include "quietpulse.toml" $root | sha256sum }}
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "quietpulse.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
    {{- with .values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "quietpulse.serviceAccountName" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $root.Values.podSecurityContext | nindent 4 }}
  # The process goes on serving for its shutdown delay by itself: no preStop hook is needed.
  terminationGracePeriodSeconds: {{ int .values.terminationGracePeriodSeconds }}
  containers:
    - name: {{ .role }}
      image: {{ include "quietpulse.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [serve, --config, /etc/quietpulse/config/quietpulse.toml, --roles, {{ .role }}]
      env:
        - name: QUIETPULSE_SHUTDOWN_DELAY
          value: {{ .values.shutdownDelay | quote }}
        {{- if eq .role "evaluator" }}
        - name: POD_NAME
          valueFrom:
            fieldRef: { fieldPath: metadata.name }
        # How the other processes reach this one: by the name that the headless Service gives the pod.
        - name: QUIETPULSE_GRPC_ADVERTISE
          value: "$(POD_NAME).{{ include "quietpulse.evaluatorHost" $root }}:8081"
        {{- end }}
        {{- if eq .role "api" }}
        - name: QUIETPULSE_GRPC_REFLECTION
          value: {{ .values.reflection | quote }}
        {{- end }}
        {{- include "quietpulse.passwords" (dict "root" $root) | nindent 8 }}
        {{- if and (has .role (list "notifier" "api")) $root.Values.smtp.username }}
        - name: QUIETPULSE_SMTP_USERNAME
          value: {{ $root.Values.smtp.username | quote }}
        {{- include "quietpulse.password" (dict "root" $root "name" "QUIETPULSE_SMTP_PASSWORD" "from" $root.Values.smtp "key" "smtp") | nindent 8 }}
        {{- end }}
        {{- with concat $root.Values.extraEnv .values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- if eq .role "ingest" }}
        - { name: http, containerPort: 8080, protocol: TCP }
        {{- end }}
        {{- if ne .role "notifier" }}
        - { name: grpc, containerPort: 8081, protocol: TCP }
        {{- end }}
        - { name: admin, containerPort: 8082, protocol: TCP }
      startupProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 1
        timeoutSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "quietpulse.mounts" $root | nindent 8 }}
  volumes:
    {{- include "quietpulse.volumes" (dict "root" $root) | nindent 4 }}
  {{- with .values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
    {{- if .values.affinity }}
    {{- toYaml .values.affinity | nindent 4 }}
    {{- else }}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "quietpulse.selectorLabels" $root | nindent 16 }}
                app.kubernetes.io/component: {{ .role }}
    {{- end }}
  topologySpreadConstraints:
    {{- if .values.topologySpreadConstraints }}
    {{- toYaml .values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "quietpulse.selectorLabels" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .role }}
    {{- end }}
{{- end }}

{{- define "quietpulse.mounts" -}}
- { name: config, mountPath: /etc/quietpulse/config, readOnly: true }
- { name: installation, mountPath: /etc/quietpulse/installation, readOnly: true }
- { name: data, mountPath: /var/lib/quietpulse }
{{- if .Values.kafka.tls.existingSecret }}
- { name: kafka-tls, mountPath: /etc/quietpulse/kafka-tls, readOnly: true }
{{- end }}
{{- if .Values.scylla.tls.existingSecret }}
- { name: scylla-tls, mountPath: /etc/quietpulse/scylla-tls, readOnly: true }
{{- end }}
{{- end }}

{{/* dict: root, suffix ("-setup" for what runs before the release's own objects are there). */}}
{{- define "quietpulse.volumes" -}}
{{- $suffix := default "" .suffix }}
- name: config
  configMap:
    name: {{ include "quietpulse.fullname" .root }}{{ $suffix }}
- name: installation
  secret:
    secretName: {{ include "quietpulse.installationSecret" .root }}{{ if .root.Values.installation.contents }}{{ $suffix }}{{ end }}
    # The group of podSecurityContext.fsGroup may read it as well; others may not.
    defaultMode: 0400
    items: [{ key: installation.toml, path: installation.toml }]
- name: data
  emptyDir:
    {{- toYaml .root.Values.dataVolume | nindent 4 }}
{{- if .root.Values.kafka.tls.existingSecret }}
- name: kafka-tls
  secret: { secretName: {{ .root.Values.kafka.tls.existingSecret }}, defaultMode: 0400 }
{{- end }}
{{- if .root.Values.scylla.tls.existingSecret }}
- name: scylla-tls
  secret: { secretName: {{ .root.Values.scylla.tls.existingSecret }}, defaultMode: 0400 }
{{- end }}
{{- end }}
