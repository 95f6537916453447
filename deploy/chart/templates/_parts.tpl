{{- define "image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What names the pods of one part: (dict "root" $ "part" "order"). */}}
{{- define "selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/* A pod of one part: who it is, and that it may do nothing else. */}}
{{- define "pod" -}}
serviceAccountName: {{ .root.Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "confined" -}}
image: {{ include "image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Over the zones and over the machines of each. */}}
{{- define "spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* By which certificate a process is known, and who may call it. */}}
{{- define "certified" -}}
{{- if .root.Values.tls.enabled }}
- {name: SETTLE_TLS_CA, value: /etc/settlement/tls/ca.crt}
- {name: SETTLE_TLS_CERTIFICATE, value: /etc/settlement/tls/tls.crt}
- {name: SETTLE_TLS_KEY, value: /etc/settlement/tls/tls.key}
- {name: SETTLE_TLS_PEERS, value: {{ .root.Values.tls.peers | quote }}}
{{- end }}
{{- end }}

{{/* The settings that all processes share. */}}
{{- define "shared" -}}
{{- $v := .root.Values }}
- {name: SETTLE_PROFILE, value: {{ $v.profile | quote }}}
- {name: SETTLE_KAFKA, value: {{ required "kafka.bootstrap is not set" $v.kafka.bootstrap | quote }}}
- {name: SETTLE_KAFKA_SECURITY, value: {{ $v.kafka.security | quote }}}
{{- if eq $v.kafka.security "sasl_ssl" }}
- {name: SETTLE_KAFKA_MECHANISM, value: {{ $v.kafka.mechanism | quote }}}
{{- end }}
{{- include "certified" . }}
- {name: SETTLE_PARTITIONS, value: {{ $v.partitions | quote }}}
- {name: SETTLE_MIGRATIONS, value: await}
- {name: SETTLE_IDENTITY_JWKS, value: {{ required "identity.jwks is not set" $v.identity.jwks | quote }}}
- {name: SETTLE_IDENTITY_ISSUER, value: {{ required "identity.issuer is not set" $v.identity.issuer | quote }}}
- {name: SETTLE_IDENTITY_AUDIENCE, value: {{ $v.identity.audience | quote }}}
- {name: GRPC_ENABLE_FORK_SUPPORT, value: "0"}
{{- range $name := keys $v.services | sortAlpha }}
- {name: SETTLE_{{ $name | upper | replace "-" "_" }}_TARGET, value: "dns:///{{ $.root.Release.Name }}-{{ $name }}:50051"}
{{- end }}
{{- range $name := list "acquirer" "verifier" }}
{{- $target := ternary (printf "dns:///%s-%s:50051" $.root.Release.Name $name) (index $v.targets $name) $v.sandboxes.enabled }}
- {name: SETTLE_{{ $name | upper }}_TARGET, value: {{ required (printf "targets.%s is not set" $name) $target | quote }}}
{{- end }}
{{- range $name, $text := merge (deepCopy (.env | default dict)) $v.env }}
- {name: {{ $name }}, value: {{ $text | quote }}}
{{- end }}
{{- end }}

{{- define "secret" -}}
{{- with .secret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "mounts" -}}
volumeMounts:
  - {name: scratch, mountPath: /tmp}
  {{- if .root.Values.tls.enabled }}
  - {name: tls, mountPath: /etc/settlement/tls, readOnly: true}
  {{- end }}
{{- end }}

{{- define "volumes" -}}
volumes:
  - name: scratch
    emptyDir: {sizeLimit: 64Mi}
  {{- if .root.Values.tls.enabled }}
  - name: tls
    secret: {secretName: {{ .root.Release.Name }}-{{ .certificate | default .part }}-tls, defaultMode: 0440}
  {{- end }}
{{- end }}

{{- define "probes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}

{{/* Ready endpoints first hear that a pod goes; then it drains. */}}
{{- define "leaving" -}}
lifecycle:
  preStop: {sleep: {seconds: 5}}
{{- end }}

{{/* The sleep above, SETTLE_DRAIN_SECONDS as the part has it, the 5 seconds after which a process that hangs ends itself,
     and 10 to spare: whoever is killed before says no word to callers. */}}
{{- define "grace" -}}
{{- $said := merge (deepCopy (.env | default dict)) .root.Values.env -}}
terminationGracePeriodSeconds: {{ get $said "SETTLE_DRAIN_SECONDS" | default "10" | float64 | ceil | add 20 }}
{{- end }}
