{{- define "ostiary.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains "ostiary" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-ostiary" (.Release.Name | trunc 42 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "ostiary.selectorLabels" -}}
app.kubernetes.io/name: ostiary
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Of the Pod of helm test: no pod of ours, which Services would find. */}}
{{- define "ostiary.testLabels" -}}
app.kubernetes.io/name: ostiary-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ostiary.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "ostiary.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "ostiary.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "ostiary.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "ostiary.keysSecret" -}}
{{- .Values.keys.existingSecret | default "ostiary-keys" -}}
{{- end -}}

{{- define "ostiary.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The namespaces whose ConfigMaps of proxies may be read. */}}
{{- define "ostiary.proxyConfigMaps" -}}
{{- if kindIs "invalid" .Values.proxyConfigMaps -}}
{{- .Values.networkPolicy.proxyNamespaces | default list | toYaml -}}
{{- else -}}
{{- .Values.proxyConfigMaps | toYaml -}}
{{- end -}}
{{- end -}}

{{/* The least number of replicas there will be. */}}
{{- define "ostiary.replicas" -}}
{{- if .Values.autoscaling.enabled -}}
{{- .Values.autoscaling.minReplicas -}}
{{- else -}}
{{- .Values.replicaCount -}}
{{- end -}}
{{- end -}}

{{/* One Service for each listener, so that each can be reached, or not, on its own. */}}
{{- define "ostiary.listeners" -}}
authz: 9001
public: 9002
render: 9003
preflight: 9004
grpc: 9005
metrics: 8080
{{- end -}}

{{- /* What the Go runtime may use, in bytes: 90 % of the container's limit, so that it collects garbage before the kernel ends it. */}}
{{- define "ostiary.goMemoryLimit" -}}
{{- $limit := dig "limits" "memory" "" (.Values.resources | default dict) | toString }}
{{- $unit := regexFind "([KMGTPE]i|[kMGTPE])$" $limit }}
{{- $factors := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 }}
{{- $number := trimSuffix $unit $limit }}
{{- if regexMatch "^[0-9.]+([eE][0-9]+)?$" $number }}
{{- printf "%.0f" (mulf (float64 $number) (get $factors $unit) 0.9) }}
{{- end }}
{{- end }}

{{/* Whether the API server has MutatingAdmissionPolicy. What `helm template` says of API
servers is made up, but for the version that it is told. */}}
{{- define "ostiary.mutates" -}}
{{- if or (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy") (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version) -}}
true
{{- end -}}
{{- end -}}
