{{- define "tokenbroker.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that a selector may name: they never change. Takes a list of the root and the component. */}}
{{- define "tokenbroker.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object. Takes a list of the root and the component. */}}
{{- define "tokenbroker.labels" -}}
{{- $root := index . 0 -}}
{{ include "tokenbroker.selector" . }}
app.kubernetes.io/part-of: tokenbroker
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes a list of the root and an entry of `images`. */}}
{{- define "tokenbroker.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $tag := default $root.Chart.AppVersion $image.tag -}}
{{- $image.repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "tokenbroker.tokenHost" -}}
{{ include "tokenbroker.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "tokenbroker.discoveryHost" -}}
{{ include "tokenbroker.fullname" . }}-discovery.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "tokenbroker.interceptorHost" -}}
{{ include "tokenbroker.fullname" . }}-interceptor.{{ .Release.Namespace }}.svc
{{- end -}}

{{/*
DNS names of the broker's certificate, as JSON. That of the interceptor too where it is off: a broker that is started with
it has mounted its certificate by then.
*/}}
{{- define "tokenbroker.brokerHosts" -}}
{{- toJson (list (include "tokenbroker.tokenHost" .) (include "tokenbroker.discoveryHost" .) (include "tokenbroker.interceptorHost" .)) -}}
{{- end -}}

{{- define "tokenbroker.issuerUrl" -}}
{{- default (printf "https://%s" (include "tokenbroker.discoveryHost" .)) .Values.issuer.url -}}
{{- end -}}

{{/* Names in a file of rbac/ as this release has them: they begin with tokenbroker- there. Takes root and file. */}}
{{- define "tokenbroker.rbacFile" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (printf "rbac/%s.yaml" (index . 1)) | replace "tokenbroker-" (printf "%s-" (include "tokenbroker.fullname" $root)) -}}
{{- end -}}

{{/* Rules of one role of a file of rbac/, as YAML. Takes root, file and kind. */}}
{{- define "tokenbroker.rules" -}}
{{- $kind := index . 2 -}}
{{- range splitList "\n---\n" (include "tokenbroker.rbacFile" (list (index . 0) (index . 1))) -}}
{{- $role := fromYaml . -}}
{{- if eq $role.kind $kind }}{{ toYaml $role.rules }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* A user name of Kubernetes as a literal of CEL. Takes `<namespace>/<serviceaccount>`. */}}
{{- define "tokenbroker.userName" -}}
{{- printf "system:serviceaccount:%s" (replace "/" ":" .) | toJson -}}
{{- end -}}

{{/* The same of a list of them, as a list of CEL. */}}
{{- define "tokenbroker.userNames" -}}
{{- $names := list -}}
{{- range . -}}{{- $names = append $names (include "tokenbroker.userName" .) -}}{{- end -}}
[{{ join "," $names }}]
{{- end -}}
