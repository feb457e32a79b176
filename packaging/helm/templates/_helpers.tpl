{{- define "chandlery.name" -}}
{{ printf "%s-%s" .root.Release.Name .part | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "chandlery.selector" -}}
app.kubernetes.io/name: chandlery
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "chandlery.labels" -}}
{{ include "chandlery.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "chandlery.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A server of one replica with a volume of its own: root, part, values, port, command and variables. */}}
{{- define "chandlery.server" -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "chandlery.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "chandlery.labels" . | nindent 4 }}
spec:
  replicas: 1
  serviceName: {{ include "chandlery.name" . }}
  selector:
    matchLabels: {{- include "chandlery.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "chandlery.labels" . | nindent 8 }}
    spec:
      serviceAccountName: {{ include "chandlery.name" . }}
      automountServiceAccountToken: {{ .asksCluster }}
      enableServiceLinks: false
      # Uploads and requests finish.
      terminationGracePeriodSeconds: 90
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: {{ .part }}
          image: {{ include "chandlery.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: {{ .command | toJson }}
          env:
            {{- range $name, $value := merge (dict) .values.environment .variables }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          {{- with .values.environmentSecret }}
          envFrom:
            - secretRef: { name: {{ . }} }
          {{- end }}
          ports:
            - { name: http, containerPort: {{ .port }} }
          # It listens once its database is migrated, which may take long; who ended it meanwhile would have it begin again.
          startupProbe:
            httpGet: { path: /healthz, port: http }
            periodSeconds: 10
            failureThreshold: 360
          livenessProbe:
            httpGet: { path: /healthz, port: http }
            periodSeconds: 10
            failureThreshold: 6
          readinessProbe:
            httpGet: { path: /readyz, port: http }
            periodSeconds: 5
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          volumeMounts:
            - { name: data, mountPath: /data }
            - { name: tmp, mountPath: /tmp }
      volumes:
        - name: tmp
          emptyDir: {}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.persistence.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .values.persistence.size }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "chandlery.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "chandlery.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "chandlery.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "chandlery.labels" . | nindent 4 }}
  {{- with .values.service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector: {{- include "chandlery.selector" . | nindent 4 }}
  ports:
    - { name: http, port: {{ .values.service.port }}, targetPort: http }
{{- if .values.ingress.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "chandlery.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "chandlery.labels" . | nindent 4 }}
  {{- with .values.ingress.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .values.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .values.ingress.tlsSecret }}
  tls:
    - secretName: {{ . }}
      hosts: [{{ $.values.ingress.host | quote }}]
  {{- end }}
  rules:
    - host: {{ .values.ingress.host | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "chandlery.name" . }}
                port: { name: http }
{{- end }}
{{- end }}
