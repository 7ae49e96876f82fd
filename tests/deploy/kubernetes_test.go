package deploy

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// scaledObject is what the manifest uses of keda.sh/v1alpha1.
type scaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef  struct{ Name string } `json:"scaleTargetRef"`
		MinReplicaCount *int32                `json:"minReplicaCount"`
		MaxReplicaCount *int32                `json:"maxReplicaCount"`
		CooldownPeriod  *int32                `json:"cooldownPeriod"`
		Triggers        []struct {
			Type     string            `json:"type"`
			Metadata map[string]string `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

// manifests reads the documents of kubernetes.yaml strictly: a field that the API does not have is an error.
func manifests(t *testing.T) (d appsv1.Deployment, s scaledObject) {
	t.Helper()
	for _, doc := range bytes.Split(file(t, "kubernetes.yaml"), []byte("\n---\n")) {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatal(err)
		}
		var into any
		switch kind.APIVersion + " " + kind.Kind {
		case "apps/v1 Deployment":
			into = &d
		case "keda.sh/v1alpha1 ScaledObject":
			into = &s
		default:
			t.Fatalf("a document of %+v", kind)
		}
		if err := yaml.UnmarshalStrict(doc, into); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
		if into == &s {
			checkScaledObject(t, doc)
		}
	}
	return d, s
}

// checkScaledObject validates the document's spec against that of KEDA's CRD (keda.sh_scaledobjects.yaml of version
// 2.17.2, reduced to what JSON Schema takes: no texts, no fields but those that it names, without `advanced`).
func checkScaledObject(t *testing.T, doc []byte) {
	t.Helper()
	const name = "testdata/keda-scaledobject.json"
	schema, err := jsonschema.NewCompiler().Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.YAMLToJSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	object, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	spec := object.(map[string]any)["spec"]
	if err := schema.Validate(spec); err != nil {
		t.Error(err)
	}
	// The schema does find a slip.
	spec.(map[string]any)["maxReplicas"] = 5
	if err := schema.Validate(spec); err == nil {
		t.Error("a field that KEDA does not have passes")
	}
}

func TestKubernetes(t *testing.T) {
	d, s := manifests(t)
	pod := d.Spec.Template
	for k, v := range d.Spec.Selector.MatchLabels {
		if pod.Labels[k] != v {
			t.Errorf("the selector wants %s=%s, the pods have %v", k, v, pod.Labels)
		}
	}
	if len(pod.Spec.Containers) != 1 || pod.Spec.TerminationGracePeriodSeconds == nil || *pod.Spec.TerminationGracePeriodSeconds < 600 {
		t.Fatalf("%d containers, grace %v", len(pod.Spec.Containers), pod.Spec.TerminationGracePeriodSeconds)
	}
	if sc := pod.Spec.SecurityContext; sc == nil || sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot || *sc.RunAsUser == 0 || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context: %+v", sc)
	}
	c := pod.Spec.Containers[0]
	if sc := c.SecurityContext; *sc.AllowPrivilegeEscalation || !*sc.ReadOnlyRootFilesystem || !slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("the container's security context: %+v", sc)
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
		if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
			t.Errorf("%s: request %s, limit %s", name, request.String(), limit.String())
		}
	}
	// The volumes that are mounted are there, and /tmp can be written.
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = v
	}
	writable := false
	for _, m := range c.VolumeMounts {
		v, ok := volumes[m.Name]
		if !ok {
			t.Errorf("there is no volume %s", m.Name)
		}
		writable = writable || m.MountPath == "/tmp" && v.EmptyDir != nil && !m.ReadOnly
	}
	if !writable {
		t.Error("no room for temporary files")
	}
	// Kubernetes fills in variables in args, not in the commands of probes.
	for what, probe := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		if probe == nil || (probe.Exec == nil) == (probe.HTTPGet == nil) || probe.PeriodSeconds == 0 || probe.TimeoutSeconds == 0 {
			t.Errorf("%s probe: %+v", what, probe)
			continue
		}
		if probe.Exec != nil {
			checkCommand(t, what, probe.Exec.Command)
		}
	}
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Exec == nil {
		t.Error("no preStop")
	} else {
		checkCommand(t, "preStop", c.Lifecycle.PreStop.Exec.Command)
	}
	port := corev1.ContainerPort{}
	for _, p := range c.Ports {
		if p.Name == "metrics" {
			port = p
		}
	}
	if get := c.LivenessProbe.HTTPGet; get == nil || get.Port != intstr.FromString("metrics") || get.Path != "/healthz" {
		t.Errorf("liveness: %+v", get)
	}
	if addr := "--metrics-addr=0.0.0.0:9464"; port.ContainerPort != 9464 || !slices.Contains(c.Args, addr) || pod.Annotations["prometheus.io/port"] != "9464" {
		t.Errorf("the port of the metrics: %+v, %q, %v", port, c.Args, pod.Annotations)
	}

	if s.Spec.ScaleTargetRef.Name != d.Name || len(s.Spec.Triggers) != 1 || s.Spec.MinReplicaCount == nil || s.Spec.MaxReplicaCount == nil || s.Spec.CooldownPeriod == nil {
		t.Fatalf("%+v", s.Spec)
	}
	if trigger := s.Spec.Triggers[0]; trigger.Type != "redis" || trigger.Metadata["listName"] != "celery" || trigger.Metadata["address"] == "" || trigger.Metadata["listLength"] == "" {
		t.Errorf("%+v", trigger)
	}
}

// checkCommand looks at what the kubelet runs in the container.
func checkCommand(t *testing.T, what string, words []string) {
	t.Helper()
	if words[0] != "/usr/local/bin/healpipe" || strings.Contains(strings.Join(words, " "), "$(") {
		t.Errorf("%s: %q", what, words)
	}
}
