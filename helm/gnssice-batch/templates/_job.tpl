{{/* Labels of the Job, or of what a CronJob makes. */}}
{{- define "gnssice-batch.jobLabels" -}}
{{- $labels := deepCopy .Values.job.labels -}}
{{- with .Values.kueue.queue }}{{ $labels = set $labels "kueue.x-k8s.io/queue-name" . }}{{ end -}}
{{- with .Values.kueue.priorityClass }}{{ $labels = set $labels "kueue.x-k8s.io/priority-class" . }}{{ end -}}
{{- toYaml $labels -}}
{{- end -}}

{{/* The spec of the Job, but for what may be changed while it runs. */}}
{{- define "gnssice-batch.fixedJobSpec" -}}
{{- $indexed := eq .Values.cluster.mode "indexed" -}}
{{- if $indexed }}
completionMode: Indexed
backoffLimitPerIndex: {{ .Values.job.backoffLimitPerIndex }}
successPolicy:
  rules:
    - succeededIndexes: "0"
{{- else }}
completionMode: NonIndexed
{{- end }}
podReplacementPolicy: Failed
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    {{- with .Values.job.failOnExitCodes }}
    - action: FailJob
      onExitCodes:
        containerName: gnssice-batch
        operator: In
        values: {{ toJson . }}
    {{- end }}
    {{- if $indexed }}
    - action: FailIndex
      onExitCodes:
        containerName: gnssice-batch
        operator: In
        values: [8]
    {{- end }}
template:
  metadata:
    {{- include "gnssice-batch.podMetadata" (dict "root" . "role" "job") | nindent 4 }}
  spec:
    restartPolicy: Never
    {{- if $indexed }}
    subdomain: {{ include "gnssice-batch.fullname" . }}
    {{- end }}
    {{- include "gnssice-batch.podSpec" (dict "root" . "role" "job" "token" (eq .Values.cluster.mode "operator")) | nindent 4 }}
    containers:
      - args: {{ include "gnssice-batch.args" . | fromYamlArray | toJson }}
        {{- include "gnssice-batch.container" (dict "root" . "role" "job" "resources" .Values.resources "ports" (include "gnssice-batch.ports" . | trim)) | nindent 8 }}
{{- end -}}

{{- define "gnssice-batch.args" -}}
{{- if eq .Values.cluster.mode "indexed" }}
- job
{{- if ne .Values.job.command "run" }}
- --command={{ .Values.job.command }}
{{- end }}
- --config=/etc/gnssice-batch/settings.yaml
- --scheduler=tcp://$(JOB_NAME)-0.{{ include "gnssice-batch.fullname" . }}:8786
- --patience={{ .Values.workers.patienceSeconds }}
- --grace={{ sub .Values.pod.terminationGracePeriodSeconds 15 }}
{{- else }}
- {{ .Values.job.command }}
- --config=/etc/gnssice-batch/settings.yaml
{{- end }}
{{- end -}}

{{/* Ports that the Job's pods serve. */}}
{{- define "gnssice-batch.ports" -}}
{{- $indexed := eq .Values.cluster.mode "indexed" -}}
{{- if $indexed -}}
- {name: tcp-comm, containerPort: 8786, protocol: TCP}
{{ end -}}
{{- if and $indexed .Values.cluster.dashboard -}}
- {name: http-dashboard, containerPort: 8787, protocol: TCP}
{{ end -}}
{{- if .Values.metrics.enabled -}}
- {name: metrics, containerPort: {{ .Values.metrics.port }}, protocol: TCP}
{{- end -}}
{{- end -}}

{{/* The whole spec of a Job: root, deadline. */}}
{{- define "gnssice-batch.jobSpec" -}}
{{- $job := .root.Values.job -}}
{{- $indexed := eq .root.Values.cluster.mode "indexed" -}}
{{- $pods := ternary (add1 .root.Values.workers.count) 1 $indexed -}}
parallelism: {{ $pods }}
completions: {{ $pods }}
{{- if not $indexed }}
backoffLimit: {{ $job.backoffLimit }}
{{- else if not (kindIs "invalid" $job.maxFailedIndexes) }}
maxFailedIndexes: {{ $job.maxFailedIndexes }}
{{- end }}
{{- if not (kindIs "invalid" .deadline) }}
activeDeadlineSeconds: {{ .deadline }}
{{- end }}
{{- if not (kindIs "invalid" $job.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ $job.ttlSecondsAfterFinished }}
{{- end }}
{{- if not (kindIs "invalid" $job.suspend) }}
suspend: {{ $job.suspend }}
{{- else if and .root.Values.kueue.queue (not .root.Values.cronjob.enabled) }}
suspend: true
{{- end }}
{{- include "gnssice-batch.fixedJobSpec" .root }}
{{- end -}}

{{/* Name of the Job. It changes with whatever a Job can't change, and with the settings, but for the number of workers. */}}
{{- define "gnssice-batch.jobName" -}}
{{- $settings := include "gnssice-batch.settings" . | fromYaml -}}
{{- $settings = set $settings "cluster" (omit $settings.cluster "workers" "maximum_workers") -}}
{{- $manifest := include "gnssice-batch.daskCluster" . -}}
{{- $fixed := include "gnssice-batch.fixedJobSpec" . | fromYaml -}}
{{- $digest := list $fixed $settings $manifest .Values.job.run | toJson | sha256sum | trunc 8 -}}
{{- printf "%s-%s" (include "gnssice-batch.fullname" .) $digest -}}
{{- end -}}
