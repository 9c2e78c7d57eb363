{{/* The DaskCluster of mode operator. Name, owner, selector of the Service and number of workers are put in by the
coordinator that makes it. Fields that are numbers or strings elsewhere are strings here: so its definition has them. */}}
{{- define "gnssice-batch.daskCluster" -}}
{{- if eq .Values.cluster.mode "operator" -}}
apiVersion: kubernetes.dask.org/v1
kind: DaskCluster
metadata:
  labels:
    {{- include "gnssice-batch.selectorLabels" . | nindent 4 }}
spec:
  idleTimeout: {{ .Values.operator.idleTimeoutSeconds }}
  scheduler:
    metadata:
      {{- include "gnssice-batch.podMetadata" (dict "root" . "role" "scheduler") | nindent 6 }}
    spec:
      {{- include "gnssice-batch.rolePodSpec" (dict "root" . "role" "scheduler" "own" .Values.operator.scheduler) | nindent 6 }}
      containers:
        - command: [dask]
          args: {{ include "gnssice-batch.schedulerArgs" . | fromYamlArray | toJson }}
          {{- include "gnssice-batch.roleContainer" (dict "root" . "role" "scheduler" "own" .Values.operator.scheduler) | nindent 10 }}
          ports:
            - name: tcp-comm
              containerPort: 8786
              protocol: TCP
            - name: http-dashboard
              containerPort: 8787
              protocol: TCP
          readinessProbe:
            httpGet: {path: /health, port: http-dashboard}
            periodSeconds: 5
            timeoutSeconds: 15
            failureThreshold: 12
          livenessProbe:
            httpGet: {path: /health, port: http-dashboard}
            initialDelaySeconds: 60
            periodSeconds: 30
            timeoutSeconds: 30
            failureThreshold: 10
    service:
      type: ClusterIP
      selector:
        dask.org/component: scheduler
      ports:
        - name: tcp-comm
          port: 8786
          targetPort: tcp-comm
          protocol: TCP
        - name: http-dashboard
          port: 8787
          targetPort: http-dashboard
          protocol: TCP
  worker:
    replicas: {{ .Values.workers.count }}
    metadata:
      {{- include "gnssice-batch.podMetadata" (dict "root" . "role" "worker") | nindent 6 }}
    spec:
      {{- include "gnssice-batch.rolePodSpec" (dict "root" . "role" "worker" "own" .Values.operator.workers) | nindent 6 }}
      containers:
        - args: {{ include "gnssice-batch.workerArgs" . | fromYamlArray | toJson }}
          {{- include "gnssice-batch.roleContainer" (dict "root" . "role" "worker" "own" .Values.operator.workers) | nindent 10 }}
{{- end -}}
{{- end -}}

{{- define "gnssice-batch.schedulerArgs" -}}
- scheduler
- --host=0.0.0.0
- --port=8786
- --dashboard-address=:8787
{{ if not .Values.cluster.dashboard -}}
- --no-dashboard
{{ end -}}
{{- end -}}

{{- define "gnssice-batch.workerArgs" -}}
- worker
- --scheduler=$(DASK_SCHEDULER_ADDRESS)
- --name=$(DASK_WORKER_NAME)
- --threads={{ dig "cluster" "threads_per_worker" 1 .Values.settings }}
- --patience={{ .Values.workers.patienceSeconds }}
- --grace={{ sub .Values.pod.terminationGracePeriodSeconds 15 }}
{{- with dig "cluster" "memory_limit" "" .Values.settings }}
- --memory-limit={{ . }}
{{- end }}
{{- end -}}

{{- define "gnssice-batch.rolePodSpec" -}}
{{- include "gnssice-batch.podSpec" (dict "root" .root "role" .role "tolerations" .own.tolerations "nodeSelector" .own.nodeSelector) -}}
{{- end -}}

{{- define "gnssice-batch.roleContainer" -}}
{{- include "gnssice-batch.container" (dict "root" .root "role" .role "resources" (default .root.Values.resources .own.resources)) -}}
{{- end -}}
