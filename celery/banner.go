package celery

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"
)

// artLines is the picture at the left of the banner.
var artLines = [...]string{
	" --------------", "--- ***** -----", "-- ******* ----", "- *** --- * ---", "- ** ----------", "- ** ----------",
	"- ** ----------", "- ** ----------", "- *** --- * ---", "-- ******* ----", "--- ***** -----", " --------------",
}

// banner is what a worker prints when it starts: who it is, its broker, its queues and its tasks.
func (w *Worker) banner() string {
	concurrency := fmt.Sprint(w.concurrency)
	if w.opts.Autoscale[0] > 0 {
		concurrency = fmt.Sprintf("{min=%d, max=%d}", w.opts.Autoscale[1], w.opts.Autoscale[0])
	}
	events := "OFF (enable -E to monitor tasks in this worker)"
	if w.opts.TaskEvents || w.conf.WorkerSendTaskEvents {
		events = "ON"
	}
	results := "disabled://"
	if w.conf.ResultBackend != "" {
		results = maskURL(w.conf.ResultBackend)
	}
	lines := []string{
		fmt.Sprintf("%s v%s (go)", w.node, Version),
		"",
		platform() + " " + w.app.clock.Now().Format("2006-01-02 15:04:05"),
		"",
		"[config]",
		".> app:         " + w.appName(),
		".> transport:   " + maskURL(w.conf.Broker),
		".> results:     " + results,
		".> concurrency: " + concurrency + " (" + w.opts.Pool + ")",
		".> task events: " + events,
		"",
		"[queues]",
	}
	for _, q := range w.selectQueues() {
		lines = append(lines, fmt.Sprintf(".> %-16s exchange=%s(%s) key=%s", q.Name, q.Exchange.Name, q.Exchange.Type, q.RoutingKey))
	}
	lines = append(lines, "")
	var b strings.Builder
	b.WriteString(" \n")
	for i, l := range lines {
		if i < len(artLines) {
			b.WriteString(artLines[i] + " " + l + "\n")
		} else {
			b.WriteString(strings.Repeat(" ", 16) + l + "\n")
		}
	}
	if w.opts.LogLevel <= Info {
		b.WriteString("\n[tasks]\n")
		for _, name := range w.app.TaskNames(w.opts.LogLevel <= Debug) {
			b.WriteString("  . " + name + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// platform is like Python's platform.platform().
func platform() string {
	release := ""
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		release = "-" + strings.TrimSpace(string(raw))
	}
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x86_64"
	}
	return systemName() + release + "-" + arch
}

func uintptrOf(a *App) uintptr { return uintptr(unsafe.Pointer(a)) }
