package celery

import (
	"os"
	"strings"
)

// DefaultNodename completes a node name as Celery does: "" becomes celery@HOST, "w1@" w1@HOST and "w1", which is taken for a host,
// celery@w1. %h (host), %n (its first part), %d (its domain), %i and %I (the pool process: 0 and nothing) and %% are expanded.
func DefaultNodename(name string) string {
	host := hostname()
	n, h, found := strings.Cut(name, "@")
	if !found {
		n, h = "", name
	}
	if n == "" {
		n = "celery"
	}
	if h == "" {
		h = host
	}
	return expandHost(n+"@"+h, host)
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return h
}

func expandHost(s, full string) string {
	short, domain, _ := strings.Cut(full, ".")
	return expand(s, map[byte]string{'h': full, 'n': short, 'd': domain, 'i': "0", 'I': ""})
}

// ExpandNode fills in a log or state file's name: %h the node's full host, %n its name, %d its domain, %p the whole
// node name, %i and %I the pool process (none here, so 0 and nothing).
func ExpandNode(s, node string) string {
	name, host, _ := strings.Cut(node, "@")
	if host == "" {
		host = hostname()
	}
	_, domain, _ := strings.Cut(host, ".")
	return expand(s, map[byte]string{'h': host, 'n': name, 'd': domain, 'p': node, 'i': "0", 'I': ""})
}

func expand(s string, with map[byte]string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == '%' {
			b.WriteByte('%')
		} else if v, ok := with[s[i]]; ok {
			b.WriteString(v)
		} else {
			b.WriteByte('%')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
