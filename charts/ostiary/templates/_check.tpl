{{/*
What the schema cannot say, or says in the language of schemas. Every problem
is listed at once.
*/}}
{{- define "ostiary.check" -}}
{{- $problems := list -}}
{{- $v := .Values -}}
{{- with $v.teamDomain -}}
  {{- if contains "://" . -}}
    {{- $problems = append $problems (printf "teamDomain: %q has a scheme; write only the host, such as auth.example.com" .) -}}
  {{- else if not (regexMatch "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" .) -}}
    {{- $problems = append $problems (printf "teamDomain: %q is not a host such as auth.example.com (lower case, no port, no path)" .) -}}
  {{- end -}}
{{- end -}}
{{- if not (regexMatch "^(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])+$" $v.pathPrefix) -}}
  {{- $problems = append $problems (printf "pathPrefix: %q is not a path such as /.access (it begins with / and does not end with one)" $v.pathPrefix) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]" (include "ostiary.fullname" .)) -}}
  {{- $problems = append $problems (printf "the release's name, %q: a Service's name begins with a letter; set fullnameOverride" .Release.Name) -}}
{{- end -}}
{{- if and $v.admission.denyByDefault (not $v.ingressOptIn.enabled) -}}
  {{- $problems = append $problems "admission.denyByDefault: a route would have to name an AccessPolicy, which does nothing without ingressOptIn.enabled" -}}
{{- end -}}
{{- range $v.trustedProxies -}}
  {{- if regexMatch "/0+$" . -}}
    {{- $problems = append $problems (printf "trustedProxies: %s trusts every client: each could then choose its own address" .) -}}
  {{- else if not (regexMatch "^([0-9]{1,3}([.][0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?)$" .) -}}
    {{- $problems = append $problems (printf "trustedProxies: %q is not a network such as 10.0.0.0/8" .) -}}
  {{- end -}}
{{- end -}}
{{- range $host, $grant := $v.hostGrants -}}
  {{- if not (regexMatch "^([*][.])?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" $host) -}}
    {{- $problems = append $problems (printf "hostGrants: %q is not a host such as app.example.com or *.example.com" $host) -}}
  {{- end -}}
  {{- if eq $host $v.teamDomain -}}
    {{- $problems = append $problems (printf "hostGrants: %s is the team's host (teamDomain), which no policy can claim" $host) -}}
  {{- end -}}
{{- end -}}
{{- range $v.returnHosts -}}
  {{- if not (regexMatch "^([*][.])?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" .) -}}
    {{- $problems = append $problems (printf "returnHosts: %q is not a host such as www.example.com or *.example.com" .) -}}
  {{- end -}}
{{- end -}}
{{- if and (eq $v.hostClaims "GrantedOnly") (not $v.hostGrants) -}}
  {{- $problems = append $problems "hostClaims: GrantedOnly, and hostGrants grant nothing: no policy could claim any host" -}}
{{- end -}}
{{- if and $v.teamIngress.enabled (not $v.teamDomain) -}}
  {{- $problems = append $problems "teamIngress.enabled: an Ingress needs a host; set teamDomain" -}}
{{- end -}}
{{- if $v.teamHTTPRoute.enabled -}}
  {{- if not $v.teamDomain -}}
    {{- $problems = append $problems "teamHTTPRoute.enabled: an HTTPRoute needs a host; set teamDomain" -}}
  {{- end -}}
  {{- if not $v.teamHTTPRoute.parentRefs -}}
    {{- $problems = append $problems "teamHTTPRoute.parentRefs: name the Gateway, such as [{name: gateway, namespace: infra}]" -}}
  {{- end -}}
  {{- if $v.teamIngress.enabled -}}
    {{- $problems = append $problems "teamIngress and teamHTTPRoute both lead teamDomain here; enable one of them" -}}
  {{- end -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.proxyNamespaces) (not $v.networkPolicy.proxyCIDRs) -}}
  {{- $problems = append $problems "networkPolicy: no proxy could ask anything; set proxyNamespaces or proxyCIDRs" -}}
{{- end -}}
{{- range $v.networkPolicy.proxyCIDRs -}}
  {{- if regexMatch "/0+$" . -}}
    {{- $problems = append $problems (printf "networkPolicy.proxyCIDRs: %s is every address; list the networks of the nodes, or set networkPolicy.enabled: false" .) -}}
  {{- end -}}
{{- end -}}
{{- if $v.autoscaling.enabled -}}
  {{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
    {{- $problems = append $problems (printf "autoscaling: minReplicas %d is more than maxReplicas %d" (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
  {{- end -}}
  {{- if not (dig "requests" "cpu" "" ($v.resources | default dict)) -}}
    {{- $problems = append $problems "autoscaling: it goes by the share of the CPU request; set resources.requests.cpu" -}}
  {{- end -}}
{{- end -}}
{{- $replicas := include "ostiary.replicas" . | int -}}
{{- if and $v.podDisruptionBudget.enabled (gt $replicas 1) (not (kindIs "string" $v.podDisruptionBudget.minAvailable)) -}}
  {{- if ge (int $v.podDisruptionBudget.minAvailable) $replicas -}}
    {{- $problems = append $problems (printf "podDisruptionBudget.minAvailable: %d of %d replicas leaves none to evict, and no node could be drained" (int $v.podDisruptionBudget.minAvailable) $replicas) -}}
  {{- end -}}
{{- end -}}
{{- if $problems -}}
  {{- fail (printf "\n\nThe values of this release do not work:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
