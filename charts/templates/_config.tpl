{{- define "tokenbroker.brokerConfig" -}}
{{- $fullname := include "tokenbroker.fullname" . -}}
{{- $tls := dict "certFile" "/etc/tokenbroker/serving/tls.crt" "keyFile" "/etc/tokenbroker/serving/tls.key" -}}
{{- $config := dict
  "name" $fullname
  "issuer" (include "tokenbroker.issuerUrl" .)
  "tokenUrl" (printf "https://%s" (include "tokenbroker.tokenHost" .))
  "listeners" (dict
    "token" (dict "address" "0.0.0.0" "port" 8443 "tls" $tls)
    "discovery" (dict "address" "0.0.0.0" "port" 8444 "tls" $tls)
    "metrics" (dict "address" "0.0.0.0" "port" 9090))
  "clusters" (list (dict
    "name" .Values.cluster.name
    "approvalPolicy" (printf "%s-approvals" $fullname)
    "peerAddress" .Values.cluster.peerAddress))
  "controller" (dict
    "namespace" .Release.Namespace
    "serviceAccount" (printf "%s-controller" $fullname)
    "deployment" (printf "%s-controller" $fullname)
    "peerAddress" .Values.controller.peerAddress)
  "introspection" (dict "callers" .Values.broker.introspectionCallers)
  "keys" (dict "directory" "/var/lib/tokenbroker/keys")
  "audit" (dict "directory" "/var/lib/tokenbroker/audit")
-}}
{{- with .Values.cluster.issuer -}}
{{- $_ := set (first $config.clusters) "issuer" . -}}
{{- end -}}
{{- if .Values.interceptor.enabled -}}
{{- $_ := set $config.listeners "interceptor" (dict "address" "0.0.0.0" "port" 8445 "tls" $tls) -}}
{{- $senders := list -}}
{{- range .Values.interceptor.senders -}}
{{- $directory := printf "/etc/tokenbroker/senders/%s" .name -}}
{{- $senders = append $senders (merge (dict "secretDirectory" $directory) (omit . "secretName")) -}}
{{- end -}}
{{- $_ := set $config "interceptor" (dict "senders" $senders) -}}
{{- end -}}
{{- if .Values.admission.enabled -}}
{{- $admission := dict
  "release" $fullname
  "namespace" .Release.Namespace
  "tektonControllers" .Values.admission.tektonControllers
  "eventListeners" .Values.admission.eventListeners
  "broker" (printf "%s/%s-broker" .Release.Namespace $fullname)
  "controller" (printf "%s/%s-controller" .Release.Namespace $fullname)
-}}
{{- $_ := set (first $config.clusters) "admission" $admission -}}
{{- end -}}
{{- mergeOverwrite $config (deepCopy .Values.broker.config) | toYaml -}}
{{- end -}}

{{- define "tokenbroker.controllerConfig" -}}
{{- $fullname := include "tokenbroker.fullname" . -}}
{{- $ca := ternary "/var/run/tokenbroker/ca.crt" "/etc/tokenbroker/ca/ca.crt" (eq .Values.certificates.source "product") -}}
{{- $config := dict
  "broker" (dict
    "url" (printf "https://%s" (include "tokenbroker.tokenHost" .))
    "caFile" $ca
    "tokenFile" "/var/run/secrets/tokenbroker/token")
  "leaderElection" (dict "namespace" .Release.Namespace "lease" (printf "%s-controller" $fullname))
  "concurrency" .Values.controller.concurrency
-}}
{{- with .Values.controller.namespace -}}
{{- $_ := set $config "namespace" . -}}
{{- end -}}
{{- if .Values.secretDelivery.enabled -}}
{{- $_ := set $config "secretDelivery" true -}}
{{- end -}}
{{- if eq .Values.certificates.source "product" -}}
{{- $servers := dict "broker" (include "tokenbroker.brokerHosts" . | fromJsonArray) -}}
{{- $certificates := dict
  "namespace" .Release.Namespace
  "secret" (printf "%s-certificates" $fullname)
  "configMap" (printf "%s-ca" $fullname)
  "caFile" $ca
  "servers" $servers
-}}
{{- if .Values.webhook.enabled -}}
{{- $_ := set $servers "webhook" (list (printf "%s-webhook.%s.svc" $fullname .Release.Namespace)) -}}
{{- $_ := set $certificates "webhookConfiguration" (printf "%s-webhook" $fullname) -}}
{{- end -}}
{{- if .Values.interceptor.enabled -}}
{{- $_ := set $certificates "clusterInterceptor" (printf "%s-events" $fullname) -}}
{{- end -}}
{{- $_ := set $config "certificates" $certificates -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "tokenbroker.webhookConfig" -}}
{{- $config := dict
  "broker" (dict
    "url" (printf "https://%s" (include "tokenbroker.tokenHost" .))
    "audience" (include "tokenbroker.issuerUrl" .)
    "caFile" "/etc/tokenbroker/ca/ca.crt")
  "sidecar" (dict
    "image" (include "tokenbroker.image" (list . .Values.images.task))
    "imagePullPolicy" .Values.images.task.pullPolicy)
  "listener" (dict
    "port" 9443
    "tls" (dict "certFile" "/etc/tokenbroker/serving/tls.crt" "keyFile" "/etc/tokenbroker/serving/tls.key"))
  "health" (dict "port" 8081)
-}}
{{- mergeOverwrite $config (deepCopy .Values.webhook.config) | toYaml -}}
{{- end -}}
