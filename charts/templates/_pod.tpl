{{/* Pod Security "restricted", and a root file system that nobody writes to. */}}
{{- define "tokenbroker.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tokenbroker.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where a component's pods run. Takes root and the component's values. */}}
{{- define "tokenbroker.placement" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Metadata of a pod template. Takes root, component name, the component's values, and the text of its configuration. */}}
{{- define "tokenbroker.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $part := index . 2 -}}
labels: {{- include "tokenbroker.labels" (list $root (index . 1)) | nindent 2 }}
  {{- with $part.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ index . 3 | sha256sum }}
  {{- with $part.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Certificate and key of a server, at tls.crt and tls.key. The pod waits until they are there. Takes root and server. */}}
{{- define "tokenbroker.servingVolume" -}}
{{- $root := index . 0 -}}
{{- $server := index . 1 -}}
{{- $fullname := include "tokenbroker.fullname" $root -}}
{{- $source := $root.Values.certificates.source -}}
name: serving
secret:
  defaultMode: 0440
  {{- if eq $source "product" }}
  secretName: {{ $fullname }}-certificates
  items: [{key: {{ $server }}.crt, path: tls.crt}, {key: {{ $server }}.key, path: tls.key}]
  {{- else }}
  {{- if eq $source "certManager" }}
  secretName: {{ $fullname }}-{{ $server }}-tls
  {{- else }}
  secretName: {{ required (printf "certificates.existing.%sSecret names the Secret with tls.crt and tls.key" $server) (get $root.Values.certificates.existing (printf "%sSecret" $server)) }}
  {{- end }}
  items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
  {{- end }}
{{- end -}}

{{/* The authorities of the broker's certificate, at ca.crt. */}}
{{- define "tokenbroker.caVolume" -}}
name: ca
{{- if eq .Values.certificates.source "certManager" }}
secret:
  secretName: {{ include "tokenbroker.fullname" . }}-broker-tls
  defaultMode: 0440
  items: [{key: ca.crt, path: ca.crt}]
{{- else }}
configMap:
  name: {{ include "tokenbroker.fullname" . }}-ca
  items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end -}}
