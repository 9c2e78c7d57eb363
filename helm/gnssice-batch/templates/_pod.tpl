{{/* Labels of a pod: root and role (job, scheduler, worker, test). Nothing in them changes with the chart's version. */}}
{{- define "gnssice-batch.podLabels" -}}
{{- $labels := include "gnssice-batch.selectorLabels" .root | fromYaml -}}
{{- $labels = set $labels "app.kubernetes.io/component" .role -}}
{{- if .root.Values.identity.azure.clientId -}}
{{- $labels = set $labels "azure.workload.identity/use" "true" -}}
{{- end -}}
{{- merge $labels .root.Values.pod.labels .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{/* Metadata of a pod: root and role. */}}
{{- define "gnssice-batch.podMetadata" -}}
labels:
  {{- include "gnssice-batch.podLabels" . | nindent 2 }}
{{- with .root.Values.pod.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the specs of all pods share: root, role, token (whether there is one), tolerations and nodeSelector of the role. */}}
{{- define "gnssice-batch.podSpec" -}}
{{- $pod := .root.Values.pod -}}
serviceAccountName: {{ include "gnssice-batch.serviceAccountName" .root }}
automountServiceAccountToken: {{ default false .token }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $pod.terminationGracePeriodSeconds }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pod.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with merge (deepCopy (default dict .nodeSelector)) $pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat $pod.tolerations (default list .tolerations) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $selector := dict "matchLabels" (include "gnssice-batch.selectorLabels" $.root | fromYaml) }}
  - {{ set (deepCopy .) "labelSelector" (default $selector .labelSelector) | toYaml | nindent 4 | trim }}
  {{- end }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ toString $pod.tmp.sizeLimit | quote }}
      {{- with $pod.tmp.medium }}
      medium: {{ . }}
      {{- end }}
  {{- if has .role (list "job" "test") }}
  - name: settings
    configMap:
      name: {{ include "gnssice-batch.fullname" .root }}
  {{- end }}
  {{- range $name := list "archive" "store" }}
  {{- $volume := index $.root.Values.persistence $name }}
  {{- if $volume.enabled }}
  - name: {{ $name }}
    persistentVolumeClaim:
      claimName: {{ include "gnssice-batch.claim" (dict "root" $.root "name" $name) }}
      readOnly: {{ $volume.readOnly }}
  {{- end }}
  {{- end }}
  {{- with $pod.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What the containers of all pods share: root, role, resources. */}}
{{- define "gnssice-batch.container" -}}
{{- $pod := .root.Values.pod -}}
name: gnssice-batch
image: {{ include "gnssice-batch.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- with $pod.containerSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .resources }}
resources:
  {{- include "gnssice-batch.resources" . | nindent 2 }}
{{- end }}
{{- if or .root.Values.identity.secretName $pod.envFrom }}
envFrom:
  {{- with .root.Values.identity.secretName }}
  - secretRef:
      name: {{ . }}
  {{- end }}
  {{- with $pod.envFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
  - name: NODE_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}
  {{- if eq .role "job" }}
  - name: JOB_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: "metadata.labels['batch.kubernetes.io/job-name']"}}
  - name: JOB_UID
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']"}}
  - name: TERMINATION_LOG
    value: /dev/termination-log
  {{- end }}
  {{- with $pod.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if has .role (list "job" "test") }}
  - name: settings
    mountPath: /etc/gnssice-batch
    readOnly: true
  {{- end }}
  {{- range $name := list "archive" "store" }}
  {{- $volume := index $.root.Values.persistence $name }}
  {{- if $volume.enabled }}
  - name: {{ $name }}
    mountPath: {{ $volume.mountPath }}
    readOnly: {{ $volume.readOnly }}
  {{- end }}
  {{- end }}
  {{- with $pod.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: FallbackToLogsOnError
{{- with .ports }}
ports:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Requests and limits with every quantity as text, as a DaskCluster wants it. */}}
{{- define "gnssice-batch.resources" -}}
{{- $found := deepCopy . -}}
{{- range $kind := list "requests" "limits" -}}
{{- range $name, $quantity := default dict (index $found $kind) -}}
{{- $_ := set (index $found $kind) $name (toString $quantity) -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}
