package celery

import (
	"slices"

	"github.com/google/uuid"
)

// frozen are the settings that freezing gives to a signature.
type frozen struct {
	id       string // its task id, unless it has one
	groupID  string
	chord    *Signature // the body that waits for it
	rootID   string
	parentID string
	index    *int64
}

// freeze gives a signature and everything in it their task ids, so that results exist before messages do, and returns
// the result that stands for it.
func (s *Signature) freeze(f frozen) *AsyncResult {
	switch s.kind {
	case groupSig:
		return s.freezeGroup(f)
	case chordSig:
		return s.freezeChord(f)
	case chainSig:
		_, results := s.prepareSteps(nil, nil, f, nil, false)
		if len(results) == 0 {
			return s.app.AsyncResult(f.id)
		}
		return results[0]
	}
	o := s.Options
	id, _ := o["task_id"].(string)
	if id == "" {
		if id = f.id; id == "" {
			id = uuid.NewString()
		}
		o["task_id"] = id
	}
	setIf(o, "root_id", f.rootID)
	setIf(o, "parent_id", f.parentID)
	if o["reply_to"] == nil {
		o["reply_to"] = s.app.oid
	}
	if _, given := o["group_id"]; !given {
		setIf(o, "group_id", f.groupID)
	}
	if f.chord != nil {
		o["chord"] = f.chord
	}
	if f.index != nil {
		o["group_index"] = *f.index
	}
	return s.app.AsyncResult(id)
}

func setIf(m map[string]any, key, v string) {
	if v != "" {
		m[key] = v
	}
}

// freezeGroup flattens nested groups and freezes the members in their order.
func (s *Signature) freezeGroup(f frozen) *AsyncResult {
	o := s.Options
	gid, _ := o["task_id"].(string)
	if gid == "" {
		gid = uuid.NewString()
		o["task_id"] = gid
	}
	setIf(o, "group_id", f.groupID)
	if f.chord != nil {
		o["chord"] = f.chord
	}
	if f.index != nil {
		o["group_index"] = *f.index
	}
	if o["root_id"] == nil {
		setIf(o, "root_id", f.rootID)
	}
	if o["parent_id"] == nil {
		setIf(o, "parent_id", f.parentID)
	}
	res := s.app.groupResult(gid)
	s.tasks = flatten(s.tasks)
	for i, t := range s.tasks {
		index := int64(i)
		res.Results = append(res.Results, t.freeze(frozen{groupID: f.groupID, chord: f.chord,
			rootID: fields(o).str("root_id"), parentID: fields(o).str("parent_id"), index: &index}))
	}
	return res
}

// flatten replaces groups by copies of their members, and drops empty chains.
func flatten(tasks []*Signature) []*Signature {
	var out []*Signature
	for _, t := range tasks {
		switch {
		case t.kind == groupSig:
			out = append(out, flatten(t.tasks)...)
		case t.kind == chainSig && len(t.tasks) == 0:
		default:
			out = append(out, t.clone())
		}
	}
	return out
}

// freezeChord freezes the header, with the body as what waits for it, and then the body.
func (s *Signature) freezeChord(f frozen) *AsyncResult {
	header := s.header(s.headerID) // not the chord's task_id, which may be the body's
	headerResult := header.freeze(frozen{parentID: f.parentID, rootID: f.rootID, chord: s.body})
	s.tasks, s.headerID = header.tasks, header.ID()
	s.Options["task_id"] = s.headerID
	if s.body == nil {
		return headerResult
	}
	res := s.body.freeze(frozen{id: f.id, rootID: f.rootID, chord: f.chord, groupID: f.groupID, index: f.index})
	top := res
	for top.Parent != nil {
		top = top.Parent
	}
	top.Parent = headerResult
	return res
}

// header is the group that a chord's header is.
func (s *Signature) header(id string) *Signature {
	g := Group(s.tasks...).withApp(s.app)
	setIf(g.Options, "task_id", id)
	return g
}

// prepareSteps lays a chain out: nested chains spliced in, groups with a follower made chords, every step frozen. Both
// lists are in reverse, as messages carry chains: the first entry is the last step. With clone the steps are copies and
// the result is what is sent; without, the chain itself is frozen in place.
func (s *Signature) prepareSteps(args []any, kwargs map[string]any, f frozen, linkError []any, clone bool) (steps []*Signature, results []*AsyncResult) {
	todo := s.leadingSteps(clone)
	var prev *Signature
	var prevRes *AsyncResult
	for i := 0; len(todo) > 0; {
		task := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		first, last := len(todo) == 0, i == 0
		if task.kind == groupSig {
			if task = task.unroll(); task.kind == groupSig && len(task.tasks) == 0 && (len(todo) > 0 || prev != nil) {
				continue
			}
		}
		if clone && task.kind == chordSig && ledByTask(task.body) {
			todo = append(todo, task.unrollBody()...)
			continue
		}
		if clone {
			task = task.clone()
		}
		if first {
			task.received = task.received && (len(args) == 0 || task.Immutable)
			task.Args, task.Kwargs, _ = task.merge(args, kwargs, nil)
		}
		if task.kind == chainSig {
			todo = append(todo, task.tasks...)
			continue
		}
		task.withApp(s.app)
		if task.kind == groupSig && prev != nil {
			task, prevRes = upgradeGroup(task, prev, prevRes, f.rootID, &steps, &results)
			if prev = nil; len(steps) > 0 {
				prev = steps[len(steps)-1]
			}
		}
		var res *AsyncResult
		if last {
			res = task.freeze(frozen{id: f.id, rootID: f.rootID, groupID: f.groupID, chord: f.chord, index: f.index})
		} else {
			res = task.freeze(frozen{rootID: f.rootID})
		}
		i++
		if prev != nil && prevRes != nil && prevRes.Parent == nil {
			prevRes.Parent = res
		}
		for _, e := range linkError {
			if sig, err := s.app.toSignature(e); err == nil {
				task.LinkError(sig)
			}
		}
		steps, results = append(steps, task), append(results, res)
		prev, prevRes = task, res
		if task.kind == chordSig {
			for prevRes.Parent != nil {
				prevRes = prevRes.Parent
			}
		}
	}
	if len(results) > 0 {
		s.Options["task_id"] = results[0].ID
	}
	if clone {
		for _, t := range steps {
			t.stripHeaderLinks()
		}
	}
	return steps, results
}

// leadingSteps returns a chain's steps with nested chains at its head spliced in and empty groups there dropped, so
// that the first real step gets the chain's arguments.
func (s *Signature) leadingSteps(clone bool) []*Signature {
	todo := slices.Clone(s.tasks)
	var empty *Signature
	for len(todo) > 0 {
		head := todo[0]
		if head.kind == chainSig {
			if clone {
				head = head.clone()
			}
			todo = append(slices.Clone(head.tasks), todo[1:]...)
			continue
		}
		if head.kind == groupSig {
			head = head.unroll()
			todo[0] = head
			if head.kind == groupSig && len(head.tasks) == 0 && len(todo) > 1 {
				empty, todo = head, todo[1:]
				continue
			}
		}
		break
	}
	if len(todo) == 0 && empty != nil {
		todo = append(todo, empty)
	}
	return todo
}

// upgradeGroup makes a chord of a group and the step after it, which leaves the lists.
func upgradeGroup(group, next *Signature, nextRes *AsyncResult, rootID string, steps *[]*Signature, results *[]*AsyncResult) (*Signature, *AsyncResult) {
	n := len(*steps) - 1
	bodyRes := (*results)[n]
	*steps, *results = (*steps)[:n], (*results)[:n]
	c := Chord(group.tasks, next).withApp(group.app)
	setIf(c.Options, "root_id", rootID)
	if nextRes != nil && !nextRes.group {
		c.Options["task_id"] = nextRes.ID
	}
	if n == 0 {
		return c, nextRes
	}
	// The rest of the chain hung on the body's result; it hangs on the chord's from now on.
	for node := (*results)[n-1]; node != nil; node = node.Parent {
		if node.Parent == bodyRes {
			node.Parent = nil
			return c, node
		}
	}
	return c, nextRes
}

// ledByTask reports whether a body is a chain that does not begin with a group.
func ledByTask(body *Signature) bool {
	return body != nil && body.kind == chainSig && len(body.tasks) > 0 && body.tasks[0].kind != groupSig
}

// unrollBody splits a chord whose body is a chain into the chord with the body's first step, and the other steps: each
// header task carries a copy of the body.
func (s *Signature) unrollBody() []*Signature {
	c := s.clone()
	steps := c.body.unchain()
	first := steps[0]
	for k, v := range c.body.Options {
		switch k {
		case "chord", "group_id", "group_index", "link", "link_error", "parent_id", "root_id", "task_id":
		default:
			if _, has := first.Options[k]; !has || !first.immutableOption(k) {
				first.Options[k] = v
			}
		}
	}
	c.body = first
	return append([]*Signature{c}, steps[1:]...)
}

// unrollChords splits the chords in a chain in this way.
func (s *Signature) unrollChords() {
	var out []*Signature
	todo := slices.Clone(s.tasks)
	for len(todo) > 0 {
		t := todo[0]
		todo = todo[1:]
		if t.kind == chainSig {
			t = t.clone()
			t.unrollChords()
		}
		if t.kind == chordSig && ledByTask(t.body) {
			todo = append(t.unrollBody(), todo...)
			continue
		}
		out = append(out, t)
	}
	s.tasks = out
}

// stripHeaderLinks takes the body off the header tasks of chords that are yet to come: the chord carries it already,
// and gives it to them when it is sent.
func (s *Signature) stripHeaderLinks() {
	switch s.kind {
	case chordSig:
		for _, t := range s.tasks {
			t.clearChord()
			t.stripHeaderLinks()
		}
		if s.body != nil {
			s.body.stripHeaderLinks()
		}
	case groupSig, chainSig:
		for _, t := range s.tasks {
			t.stripHeaderLinks()
		}
	}
}

func (s *Signature) clearChord() {
	delete(s.Options, "chord")
	switch {
	case s.kind == groupSig:
		for _, t := range s.tasks {
			t.clearChord()
		}
	case s.kind == chainSig && len(s.tasks) > 0:
		s.tasks[len(s.tasks)-1].clearChord()
	}
}

// leaves counts the parts that a signature contributes to the chord that it is in the header of.
func (s *Signature) leaves() int {
	switch s.kind {
	case groupSig:
		n := 0
		for _, t := range s.tasks {
			n += t.leaves()
		}
		return n
	case chainSig:
		for i := len(s.tasks) - 1; i >= 0; i-- {
			if n := s.tasks[i].leaves(); n > 0 {
				return n
			}
		}
		return 0
	case chordSig:
		if s.body == nil {
			return 0
		}
		return s.body.leaves()
	}
	return 1
}
