// Command manifests reads Kubernetes manifests as an API server does: each document into Kubernetes' own Go types, where a member that there is
// not is an error, and so is a value of another type. Names, labels, quantities and cron expressions are judged by Kubernetes' own libraries.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/robfig/cron/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const usage = `usage: manifests FILE...
One line of JSON a document: file, kind, name, and what it needs of other objects ("Secret name").
exit: 0 all are good, 1 one is not, 2 usage
`

// document is what is told of one of a file.
type document struct {
	File  string   `json:"file"`
	Kind  string   `json:"kind"`
	Name  string   `json:"name"`
	Needs []string `json:"needs"`
	Wrong []string `json:"wrong"`
}

// newObject gives an empty one of a kind that Tallystick has manifests of; nil for others.
func newObject(apiVersion, kind string) metav1.Object {
	switch apiVersion + " " + kind {
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 PersistentVolumeClaim":
		return &corev1.PersistentVolumeClaim{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}
	case "batch/v1 CronJob":
		return &batchv1.CronJob{}
	}
	return nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	exit := 0
	for _, file := range os.Args[1:] {
		documents, err := read(file)
		if err != nil {
			documents = append(documents, document{File: filepath.Base(file), Wrong: []string{err.Error()}})
		}
		for _, each := range documents {
			if len(each.Wrong) > 0 {
				exit = 1
			}
			line, err := json.Marshal(each)
			if err != nil {
				panic(err)
			}
			fmt.Println(string(line))
		}
	}
	os.Exit(exit)
}

func read(file string) ([]document, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	var documents []document
	reader := utilyaml.NewYAMLReader(bufio.NewReader(opened))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return documents, err
		}
		each := judge(text)
		each.File = filepath.Base(file)
		documents = append(documents, each)
	}
}

func judge(text []byte) document {
	var of metav1.TypeMeta
	if err := yaml.Unmarshal(text, &of); err != nil {
		return document{Wrong: []string{err.Error()}}
	}
	told := document{Kind: of.Kind}
	object := newObject(of.APIVersion, of.Kind)
	if object == nil {
		told.Wrong = []string{fmt.Sprintf("%s %s is not known here", of.APIVersion, of.Kind)}
		return told
	}
	// As an API server does it: the name of a member counts to the letter.
	inJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		told.Wrong = []string{err.Error()}
		return told
	}
	strict, err := kjson.UnmarshalStrict(inJSON, object)
	if err != nil {
		strict = append(strict, err)
	}
	if len(strict) > 0 {
		for _, each := range strict {
			told.wrong("%v", each)
		}
		return told
	}
	told.Name = object.GetName()
	told.check("metadata.name", validation.IsDNS1123Subdomain(told.Name))
	told.labels("metadata.labels", object.GetLabels())
	switch is := object.(type) {
	case *corev1.ConfigMap:
		for key := range is.Data {
			told.check("data", validation.IsConfigMapKey(key))
		}
	case *corev1.PersistentVolumeClaim:
		if quantity := is.Spec.Resources.Requests[corev1.ResourceStorage]; quantity.Sign() <= 0 {
			told.wrong("spec.resources.requests.storage: nothing is asked for")
		}
	case *networkingv1.NetworkPolicy:
		told.selector(&is.Spec.PodSelector, nil)
	case *appsv1.Deployment:
		told.selector(is.Spec.Selector, is.Spec.Template.Labels)
		told.pod(is.Spec.Template)
	case *batchv1.CronJob:
		told.schedule(is.Spec)
		told.pod(is.Spec.JobTemplate.Spec.Template)
	}
	return told
}

func (d *document) wrong(format string, values ...any) {
	d.Wrong = append(d.Wrong, fmt.Sprintf(format, values...))
}

func (d *document) check(at string, errs []string) {
	for _, each := range errs {
		d.wrong("%s: %s", at, each)
	}
}

func (d *document) labels(at string, given map[string]string) {
	for key, value := range given {
		d.check(at, validation.IsQualifiedName(key))
		d.check(at, validation.IsValidLabelValue(value))
	}
}

// selector has to parse, and to find the labels where they are given.
func (d *document) selector(given *metav1.LabelSelector, found map[string]string) {
	selector, err := metav1.LabelSelectorAsSelector(given)
	if err != nil {
		d.wrong("selector: %v", err)
	} else if found != nil && (selector.Empty() || !selector.Matches(labels.Set(found))) {
		d.wrong("selector: it does not find its own pods")
	}
}

// schedule is parsed as the controller of CronJobs does it.
func (d *document) schedule(spec batchv1.CronJobSpec) {
	if _, err := cron.ParseStandard(spec.Schedule); err != nil {
		d.wrong("spec.schedule: %v", err)
	}
	if spec.TimeZone == nil {
		return
	}
	if _, err := time.LoadLocation(*spec.TimeZone); err != nil || *spec.TimeZone == "" || *spec.TimeZone == "Local" {
		d.wrong("spec.timeZone: %q is none", *spec.TimeZone)
	}
}

// pod looks at what a pod names: volumes of its own, and objects of others.
func (d *document) pod(template corev1.PodTemplateSpec) {
	spec := template.Spec
	d.labels("template.metadata.labels", template.Labels)
	d.check("hostname", validation.IsDNS1123Label(spec.Hostname))
	if spec.ServiceAccountName != "" {
		d.Needs = append(d.Needs, "ServiceAccount "+spec.ServiceAccountName)
	}
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		d.check("volumes", validation.IsDNS1123Label(volume.Name))
		if volumes[volume.Name] {
			d.wrong("volumes: %s is there twice", volume.Name)
		}
		volumes[volume.Name] = true
		switch {
		case volume.ConfigMap != nil:
			d.Needs = append(d.Needs, "ConfigMap "+volume.ConfigMap.Name)
		case volume.Secret != nil:
			d.Needs = append(d.Needs, "Secret "+volume.Secret.SecretName)
		case volume.PersistentVolumeClaim != nil:
			d.Needs = append(d.Needs, "PersistentVolumeClaim "+volume.PersistentVolumeClaim.ClaimName)
		case volume.EmptyDir == nil:
			d.wrong("volumes: %s is of a kind that is not known here", volume.Name)
		}
	}
	for _, container := range spec.Containers {
		d.container(container, volumes)
	}
}

func (d *document) container(container corev1.Container, volumes map[string]bool) {
	paths := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			d.wrong("volumeMounts: there is no volume %s", mount.Name)
		}
		if paths[mount.MountPath] || !filepath.IsAbs(mount.MountPath) {
			d.wrong("volumeMounts: %s is not absolute, or is there twice", mount.MountPath)
		}
		paths[mount.MountPath] = true
	}
	for name, limit := range container.Resources.Limits {
		if request, given := container.Resources.Requests[name]; given && request.Cmp(limit) > 0 {
			d.wrong("resources: more %s is requested than allowed", name)
		}
	}
	ports := map[string]bool{}
	for _, port := range container.Ports {
		d.check("ports", validation.IsValidPortName(port.Name))
		d.check("ports", validation.IsValidPortNum(int(port.ContainerPort)))
		ports[port.Name] = true
	}
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		if probe == nil {
			continue
		}
		if probe.HTTPGet == nil || !ports[probe.HTTPGet.Port.StrVal] {
			d.wrong("a probe asks for no port of the container")
		}
	}
	for _, variable := range container.Env {
		d.check("env", validation.IsEnvVarName(variable.Name))
	}
}
