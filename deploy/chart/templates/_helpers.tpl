{{- define "flowcheck.name" -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{- end }}
{{- define "flowcheck.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "flowcheck.labels" -}}
{{ include "flowcheck.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
{{- define "flowcheck.configmap" -}}{{ .Values.existingConfigMap | default (printf "%s-flows" (include "flowcheck.name" .)) }}{{- end }}
