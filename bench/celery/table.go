package main

import (
	"fmt"
	"io"
	"strings"
)

// table prints one row for each measure and one column for each worker, with what healpipe's figure is of the others'.
func table(out io.Writer, peers []*peer, all []figures) {
	fmt.Fprint(out, "| what |")
	for _, p := range peers {
		fmt.Fprintf(out, " %s |", p.name)
	}
	fmt.Fprintf(out, "\n|---%s|\n", strings.Repeat("|---", len(peers)))
	row := func(what, format string, value func(figures) float64) {
		fmt.Fprintf(out, "| %s |", what)
		ours := value(all[0])
		for i, f := range all {
			v := value(f)
			switch {
			case v == 0 && i > 0:
				fmt.Fprint(out, " |")
			case i == 0:
				fmt.Fprintf(out, " "+format+" |", v)
			case ours == 0:
				fmt.Fprintf(out, " "+format+" |", v)
			case ours >= v:
				fmt.Fprintf(out, " "+format+" (%.1f x) |", v, ours/v)
			default:
				fmt.Fprintf(out, " "+format+" (1/%.1f) |", v, v/ours)
			}
		}
		fmt.Fprintln(out)
	}
	median := func(get func(figures) []float64) func(figures) float64 {
		return func(f figures) float64 { return quantile(get(f), 0.5) }
	}
	row("no-op tasks/s, late ack", "%.0f", median(func(f figures) []float64 { return f.rate }))
	row("CPU of a task, us", "%.0f", median(func(f figures) []float64 { return f.cpu }))
	row("CPU of redis-server for a task, us", "%.0f", median(func(f figures) []float64 { return f.server }))
	row("RSS after the run, MB", "%.0f", median(func(f figures) []float64 { return f.rss }))
	row("private memory, MB", "%.0f", median(func(f figures) []float64 { return f.unique }))
	row("process start to first task, ms", "%.0f", median(func(f figures) []float64 { return f.first }))
	row("push to start, idle, median ms", "%.2f", median(func(f figures) []float64 { return f.wake }))
	row("push to start, idle, 99 % ms", "%.2f", func(f figures) float64 { return quantile(f.wake, 0.99) })
	row("tasks/s with events (-E)", "%.0f", median(func(f figures) []float64 { return f.events }))
	fmt.Fprint(out, "| cost of events, % |")
	for _, f := range all {
		if len(f.events) == 0 {
			fmt.Fprint(out, " |")
			continue
		}
		fmt.Fprintf(out, " %.0f |", 100*(1-quantile(f.events, 0.5)/quantile(f.rate, 0.5)))
	}
	fmt.Fprintln(out)
	row("CPU while idle, % of a core", "%.1f", median(func(f figures) []float64 { return f.idle }))
	row("RSS with ETA tasks waiting, MB", "%.0f", median(func(f figures) []float64 { return f.etaRSS }))
	row("CPU with ETA tasks waiting, %", "%.1f", median(func(f figures) []float64 { return f.etaCPU }))
	fmt.Fprintf(out, "\nETA tasks: %d for %s, %d for %s.\n", peers[0].eta, peers[0].name, peers[1].eta, peers[1].name)
}
