{{/* Full name of the objects. Names of Jobs and pods are longer and have to stay within 63 characters. */}}
{{- define "gnssice-batch.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 43 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 43 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 43 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gnssice-batch.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of objects. */}}
{{- define "gnssice-batch.labels" -}}
{{- $labels := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
    "app.kubernetes.io/managed-by" .Release.Service
    "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- merge (include "gnssice-batch.selectorLabels" . | fromYaml) $labels .Values.commonLabels | toYaml -}}
{{- end -}}

{{/* Metadata of an object: root, name, and labels and annotations of its own. */}}
{{- define "gnssice-batch.metadata" -}}
{{- with .name -}}
name: {{ . }}
{{ end -}}
labels:
  {{- merge (include "gnssice-batch.labels" .root | fromYaml) (default dict .labels) | toYaml | nindent 2 }}
{{- with merge (deepCopy (default dict .annotations)) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "gnssice-batch.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gnssice-batch.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "gnssice-batch.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.image.registry }}{{ $repository = printf "%s/%s" . $repository }}{{ end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Labels of the pods that serve metrics and dashboard. */}}
{{- define "gnssice-batch.coordinatorLabels" -}}
{{ include "gnssice-batch.selectorLabels" . }}
app.kubernetes.io/component: job
{{- if eq .Values.cluster.mode "indexed" }}
batch.kubernetes.io/job-completion-index: "0"
{{- end }}
{{- end -}}

{{- define "gnssice-batch.claim" -}}
{{- $volume := index .root.Values.persistence .name -}}
{{- default (printf "%s-%s" (include "gnssice-batch.fullname" .root) .name) $volume.existingClaim -}}
{{- end -}}
