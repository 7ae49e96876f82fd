package celery

import (
	"maps"
	"slices"
)

// Stamp puts stamps (headers that workers show, pass on and revoke by) on the signature, on every task within it, and on
// its callbacks and errbacks, as Python's Signature.stamp without a visitor: the body of a chord gets none. A stamp that
// is there already is replaced.
func (s *Signature) Stamp(stamps map[string]any) *Signature {
	for _, key := range []string{"link", "link_error"} {
		links := slices.Clone(maybeSigs(s.Options[key]))
		for i, l := range links {
			if sig, err := s.app.toSignature(l); err == nil {
				links[i] = sig.Stamp(stamps)
			}
		}
		if len(links) > 0 {
			s.Options[key] = links
		}
	}
	if s.kind == chainSig || s.kind == groupSig || s.kind == chordSig {
		for _, t := range s.tasks {
			t.Stamp(stamps)
		}
		return s
	}
	all := map[string]any{}
	for _, n := range fields(s.Options).list("stamped_headers") {
		if name, ok := n.(string); ok {
			all[name] = s.Options[name]
		}
	}
	maps.Copy(all, stamps)
	return s.Set(Options{Stamps: all})
}
