{{/* What cannot work, said before anything is made. */}}
{{- define "gnssice-batch.refuse" -}}
{{- $mode := .Values.cluster.mode -}}
{{- $version := default .Capabilities.KubeVersion.Version .Values.kubeVersion -}}
{{- if and (eq $mode "indexed") (semverCompare "<1.31.0-0" $version) -}}
{{- fail (printf "cluster.mode: indexed needs Kubernetes 1.31, whose Jobs have a successPolicy; this is %s: take operator, local, inline or address" $version) -}}
{{- end -}}
{{- if ne (eq $mode "address") (not (empty .Values.cluster.address)) -}}
{{- fail "cluster.mode: address and cluster.address go together" -}}
{{- end -}}
{{- if and .Values.workers.maximum (ne $mode "operator") -}}
{{- fail "workers.maximum needs cluster.mode: operator" -}}
{{- end -}}
{{- if and .Values.workers.maximum (lt (int .Values.workers.maximum) (int .Values.workers.count)) -}}
{{- fail "workers.maximum is less than workers.count" -}}
{{- end -}}
{{- range $key := list "kind" "address" "workers" "maximum_workers" "scheduler_port" "dashboard_port" "ready_timeout_s" "manifest" -}}
{{- if hasKey (default dict $.Values.settings.cluster) $key -}}
{{- fail (printf "settings.cluster.%s is not set here: it follows from the values cluster and workers" $key) -}}
{{- end -}}
{{- end -}}
{{- if hasKey (default dict .Values.settings.log) "metrics_port" -}}
{{- fail "settings.log.metrics_port is not set here: it follows from the value metrics" -}}
{{- end -}}
{{- $grace := dig "run" "grace_s" 10 .Values.settings -}}
{{- if lt (int .Values.pod.terminationGracePeriodSeconds) (add 20 (ceil $grace | int)) -}}
{{- fail "pod.terminationGracePeriodSeconds has to be at least 20 more than settings.run.grace_s" -}}
{{- end -}}
{{- if and .Values.job.suspend .Values.cronjob.enabled -}}
{{- fail "job.suspend is of the Job; to start no runs set cronjob.suspend" -}}
{{- end -}}
{{- end -}}

{{/* Section cluster of the settings. */}}
{{- define "gnssice-batch.cluster" -}}
{{- $mode := .Values.cluster.mode -}}
kind: {{ $mode }}
{{- if eq $mode "address" }}
address: {{ .Values.cluster.address | quote }}
{{- end }}
{{- if has $mode (list "indexed" "operator" "local") }}
workers: {{ .Values.workers.count }}
{{- end }}
{{- if has $mode (list "indexed" "operator") }}
ready_timeout_s: {{ .Values.cluster.readyTimeoutSeconds }}
{{- end }}
{{- if eq $mode "indexed" }}
scheduler_port: 8786
dashboard_port: {{ ternary 8787 "null" .Values.cluster.dashboard }}
{{- end }}
{{- if eq $mode "operator" }}
manifest: /etc/gnssice-batch/daskcluster.yaml
{{- with .Values.workers.maximum }}
maximum_workers: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The settings file. */}}
{{- define "gnssice-batch.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $own := default dict $settings.cluster -}}
{{- $settings = set $settings "cluster" (merge (include "gnssice-batch.cluster" . | fromYaml) $own) -}}
{{- if .Values.metrics.enabled -}}
{{- $settings = set $settings "log" (set (default dict $settings.log) "metrics_port" .Values.metrics.port) -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* The settings of commands that need no workers, such as plan, status and verify. */}}
{{- define "gnssice-batch.settingsInline" -}}
{{- omit .Values.settings "cluster" | toYaml -}}
{{- end -}}
