package celery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"healpipe/celery/internal/pyrepr"
)

// Signature is a task with its arguments and options, or a canvas of such (chain, group, chord), that can be passed
// around and called later. It travels as Celery's signature object.
type Signature struct {
	Task      string
	Args      []any
	Kwargs    map[string]any
	Options   map[string]any // by Python's names; Set fills it in
	Immutable bool           // takes no results of earlier tasks

	kind  sigKind
	tasks []*Signature // a chain's steps, a group's members, a chord's header
	body  *Signature   // of a chord
	app   *App

	received bool   // came in a message: its arguments are a list, not Python's tuple
	headerID string // group id of a frozen chord's header
}

// sigKind is the subtask_type of a signature.
type sigKind string

const (
	simpleSig sigKind = ""
	chainSig  sigKind = "chain"
	groupSig  sigKind = "group"
	chordSig  sigKind = "chord"
	mapSig    sigKind = "xmap"
	starSig   sigKind = "xstarmap"
	chunksSig sigKind = "chunks"
)

// Options are the execution options of a call, as apply_async's. Zero values mean "not given".
type Options struct {
	TaskID         string
	Countdown      time.Duration // run so much later
	ETA            time.Time     // run at
	Expires        time.Time     // do not run after
	ExpiresIn      time.Duration // do not run later than so much from now
	Queue          string
	Exchange       string
	ExchangeType   string
	RoutingKey     string
	Priority       *int // 0 (first) to 9
	Serializer     string
	Compression    string
	Retries        int
	TimeLimit      time.Duration
	SoftTimeLimit  time.Duration
	Shadow         string // the name that monitors show
	ArgsRepr       string // what monitors and logs show of the positional arguments; default: the arguments as Python prints them
	KwargsRepr     string // the same of the keyword arguments
	IgnoreResult   *bool
	Link           []*Signature // called with the result
	LinkError      []*Signature // called with the id of the failed task
	GroupID        string
	GroupIndex     *int64
	RootID         string
	ParentID       string
	ReplyTo        string
	Headers        map[string]any // the application's own headers
	Stamps         map[string]any // stamped headers with their values
	DeliveryMode   int            // 1: transient, 2: persistent; Redis keeps both
	Chain          []*Signature   // what comes after the task, the last one first, as in its message
	Chord          *Signature     // called when all of GroupID have succeeded
	Other          map[string]any // further options by their names in Python; those that Celery does not know become properties of the message
	NoParent       bool           // add_to_parent=False: not a child of the running task
	ReplacedNested int            // replaced_task_nesting
}

// Prio is a helper for Options.Priority and the like.
func Prio(n int) *int { return &n }

func (o Options) toMap() map[string]any {
	m := map[string]any{}
	str := func(key, v string) {
		if v != "" {
			m[key] = v
		}
	}
	str("task_id", o.TaskID)
	str("queue", o.Queue)
	str("exchange", o.Exchange)
	str("exchange_type", o.ExchangeType)
	str("routing_key", o.RoutingKey)
	str("serializer", o.Serializer)
	str("compression", o.Compression)
	str("shadow", o.Shadow)
	str("argsrepr", o.ArgsRepr)
	str("kwargsrepr", o.KwargsRepr)
	str("group_id", o.GroupID)
	str("root_id", o.RootID)
	str("parent_id", o.ParentID)
	str("reply_to", o.ReplyTo)
	if o.Countdown != 0 {
		m["countdown"] = wholeSeconds(o.Countdown)
	}
	if !o.ETA.IsZero() {
		m["eta"] = isoformat(o.ETA)
	}
	switch {
	case !o.Expires.IsZero():
		m["expires"] = isoformat(o.Expires)
	case o.ExpiresIn != 0:
		m["expires"] = wholeSeconds(o.ExpiresIn)
	}
	if o.Priority != nil {
		m["priority"] = *o.Priority
	}
	if o.Retries != 0 {
		m["retries"] = o.Retries
	}
	if o.TimeLimit > 0 {
		m["time_limit"] = wholeSeconds(o.TimeLimit)
	}
	if o.SoftTimeLimit > 0 {
		m["soft_time_limit"] = wholeSeconds(o.SoftTimeLimit)
	}
	if o.IgnoreResult != nil {
		m["ignore_result"] = *o.IgnoreResult
	}
	if len(o.Link) > 0 {
		m["link"] = sigList(o.Link)
	}
	if len(o.LinkError) > 0 {
		m["link_error"] = sigList(o.LinkError)
	}
	if o.GroupIndex != nil {
		m["group_index"] = *o.GroupIndex
	}
	if len(o.Headers) > 0 {
		m["headers"] = o.Headers
	}
	if len(o.Stamps) > 0 {
		names := slices.Sorted(maps.Keys(o.Stamps))
		m["stamped_headers"] = stringList(names)
		for _, n := range names {
			m[n] = o.Stamps[n]
		}
	}
	if o.DeliveryMode != 0 {
		m["delivery_mode"] = o.DeliveryMode
	}
	if len(o.Chain) > 0 {
		m["chain"] = sigList(o.Chain)
	}
	if o.Chord != nil {
		m["chord"] = o.Chord
	}
	maps.Copy(m, o.Other)
	if o.NoParent {
		m["add_to_parent"] = false
	}
	if o.ReplacedNested != 0 {
		m["replaced_task_nesting"] = o.ReplacedNested
	}
	return m
}

func sigList(sigs []*Signature) []any {
	out := make([]any, len(sigs))
	for i, s := range sigs {
		out[i] = s
	}
	return out
}

// Signature makes a signature of a task by name, registered here or elsewhere.
func (a *App) Signature(task string, args ...any) *Signature {
	return &Signature{Task: task, Args: args, Kwargs: map[string]any{}, Options: map[string]any{}, app: a}
}

// S makes a signature of the task.
func (t *Task) S(args ...any) *Signature { return t.app.Signature(t.Name, args...) }

// SI makes an immutable signature of the task: it ignores the results of earlier tasks.
func (t *Task) SI(args ...any) *Signature {
	s := t.S(args...)
	s.Immutable = true
	return s
}

// Kw adds keyword arguments.
func (s *Signature) Kw(kwargs map[string]any) *Signature {
	maps.Copy(s.Kwargs, kwargs)
	return s
}

// Set adds options and returns the signature.
func (s *Signature) Set(o Options) *Signature {
	maps.Copy(s.Options, o.toMap())
	return s
}

// SetImmutable makes the signature ignore the results of earlier tasks; of a group or chord, its members.
func (s *Signature) SetImmutable() *Signature {
	if s.kind == groupSig || s.kind == chordSig {
		for _, t := range s.tasks {
			t.SetImmutable()
		}
		return s
	}
	s.Immutable = true
	return s
}

// ID returns the task id of the signature, if it has one.
func (s *Signature) ID() string { return fields(s.Options).str("task_id") }

// Chain makes a signature that runs its steps one after the other, each with the result of the one before. A group
// followed by a step becomes a chord.
func Chain(steps ...*Signature) *Signature {
	var c *Signature
	for _, s := range steps {
		if c == nil {
			c = s
			continue
		}
		c = c.Or(s)
	}
	if c == nil {
		return &Signature{Task: "celery.chain", Kwargs: map[string]any{}, Options: map[string]any{}, kind: chainSig}
	}
	return c
}

func newChain(app *App, steps ...*Signature) *Signature {
	return &Signature{Task: "celery.chain", Kwargs: map[string]any{}, Options: map[string]any{}, kind: chainSig, tasks: steps, app: app}
}

// Group makes a signature that runs its members at the same time.
func Group(members ...*Signature) *Signature {
	g := &Signature{Task: "celery.group", Kwargs: map[string]any{}, Options: map[string]any{}, kind: groupSig, tasks: members}
	if len(members) > 0 {
		g.app = members[0].app
	}
	return g
}

// Chord makes a signature that runs body with the list of the header's results.
func Chord(header []*Signature, body *Signature) *Signature {
	c := &Signature{Task: "celery.chord", Kwargs: map[string]any{"kwargs": map[string]any{}}, Options: map[string]any{}, kind: chordSig, tasks: header, body: body}
	if body != nil {
		c.app = body.app
	}
	return c
}

// Map makes a signature that calls a task with each item, one after the other, within one task.
func Map(task *Signature, items []any) *Signature {
	return overItems(mapSig, "celery.map", task, items)
}

// Starmap is Map with items that are lists of arguments.
func Starmap(task *Signature, items []any) *Signature {
	return overItems(starSig, "celery.starmap", task, items)
}

func overItems(kind sigKind, name string, task *Signature, items []any) *Signature {
	return &Signature{Task: name, Kwargs: map[string]any{"task": task, "it": items}, Options: map[string]any{}, Immutable: true, kind: kind, app: task.app}
}

// Chunks makes a group of Starmaps over n items each.
func Chunks(task *Signature, items []any, n int) *Signature {
	var parts []*Signature
	for part := range slices.Chunk(items, max(1, n)) {
		parts = append(parts, Starmap(task, part))
	}
	g := Group(parts...)
	g.app = task.app
	return g
}

// Link adds a callback that is called with the result; of a chord, of its body.
func (s *Signature) Link(callback *Signature) *Signature {
	switch s.kind {
	case chordSig:
		s.body.Link(callback)
	case groupSig:
		if len(s.tasks) > 0 {
			callback = callback.clone()
			callback.Immutable = true
			s.tasks[0].Link(callback)
		}
	default:
		s.appendOption("link", callback)
	}
	return s
}

// LinkError adds a callback that is called with the id of the failed task.
func (s *Signature) LinkError(errback *Signature) *Signature {
	switch s.kind {
	case chordSig:
		onHeader := s.app != nil && s.app.conf.AllowErrOnHeader
		for _, t := range s.tasks {
			if onHeader {
				e := errback.clone()
				e.Immutable = true
				t.LinkError(e)
			}
			if t.kind == chordSig {
				t.LinkError(errback)
			}
		}
		s.body.LinkError(errback)
	case groupSig:
		for _, t := range s.tasks {
			t.LinkError(errback.clone())
		}
	default:
		s.appendOption("link_error", errback)
	}
	return s
}

// appendOption adds a signature to a list option unless it is in it already.
func (s *Signature) appendOption(key string, sig *Signature) {
	list := maybeSigs(s.Options[key])
	for _, have := range list {
		if have == sig || sameSignature(have, sig) {
			return
		}
	}
	s.Options[key] = append(slices.Clone(list), any(sig))
}

// maybeSigs makes a list of an option that is one signature or several.
func maybeSigs(v any) []any { return maybeList(v) }

// Or puts other after s, as | does in Python.
func (s *Signature) Or(other *Signature) *Signature {
	app := s.app
	if other.kind == groupSig {
		if len(other.tasks) == 0 {
			return s
		}
		other = other.unroll()
	}
	switch s.kind {
	case groupSig:
		return Chord(s.tasks, other).withApp(app).copyOptions(s)
	case chordSig:
		if other.kind != groupSig && other.kind != chainSig {
			c := s.clone()
			c.body = c.body.Or(other)
			return c
		}
	case chainSig:
		return s.chainOr(other)
	}
	if other.kind == chainSig {
		return newChain(app, append([]*Signature{s}, other.unchain()...)...)
	}
	return newChain(app, s, other)
}

func (s *Signature) withApp(a *App) *Signature {
	if s.app == nil {
		s.app = a
	}
	return s
}

// copyOptions keeps the id of a group that became the header of a chord.
func (s *Signature) copyOptions(from *Signature) *Signature {
	if id := from.ID(); id != "" {
		s.Options["task_id"] = id
	}
	return s
}

func (s *Signature) chainOr(other *Signature) *Signature {
	if other.kind == chainSig {
		c := s
		for _, t := range other.unchain() {
			c = c.Or(t)
		}
		return c
	}
	steps := s.unchain()
	if len(steps) == 0 {
		return other
	}
	last := steps[len(steps)-1]
	switch {
	case other.kind == groupSig && last.kind == chordSig:
		last.body = last.body.Or(other)
	case other.kind == groupSig:
		steps = append(steps, other)
	case last.kind == groupSig:
		chord := Chord(last.tasks, other).withApp(s.app).copyOptions(last)
		if n := len(steps); n > 1 && steps[n-2].kind == chordSig {
			steps[n-2].body = steps[n-2].body.Or(chord)
			steps = steps[:n-1]
		} else {
			steps[n-1] = chord
		}
	case last.kind == chordSig && other.kind != chordSig:
		last.body = last.body.Or(other)
	default:
		steps = append(steps, other)
	}
	return newChain(s.app, steps...)
}

// unroll returns the only member of a group that has one.
func (s *Signature) unroll() *Signature {
	if s.kind == groupSig && len(s.tasks) == 1 {
		return s.tasks[0]
	}
	return s
}

// unchain returns copies of a chain's steps, with the chain's own callbacks on them.
func (s *Signature) unchain() []*Signature {
	steps := make([]*Signature, len(s.tasks))
	for i, t := range s.tasks {
		steps[i] = t.clone()
	}
	if len(steps) == 0 {
		return nil
	}
	for _, l := range maybeSigs(s.Options["link"]) {
		if sig, err := s.app.toSignature(l); err == nil {
			steps[len(steps)-1].Link(sig)
		}
	}
	for _, l := range maybeSigs(s.Options["link_error"]) {
		if sig, err := s.app.toSignature(l); err == nil {
			for _, t := range steps {
				t.LinkError(sig)
			}
		}
	}
	return steps
}

// copy is a clone whose arguments are still shown as the list that they came as.
func (s *Signature) copy() *Signature {
	c := s.clone()
	c.received = s.received
	return c
}

// clone copies a signature with the signatures in it; arguments are shared. A clone's are a tuple in Python.
func (s *Signature) clone() *Signature {
	if s == nil {
		return nil
	}
	c := *s
	c.received = false
	c.Args = slices.Clone(s.Args)
	c.Kwargs = cloneMap(s.Kwargs)
	c.Options = cloneMap(s.Options)
	for key, v := range c.Options {
		if l, ok := v.([]any); ok {
			c.Options[key] = slices.Clone(l)
		}
	}
	c.tasks = make([]*Signature, len(s.tasks))
	for i, t := range s.tasks {
		c.tasks[i] = t.clone()
	}
	c.body = s.body.clone()
	return &c
}

func cloneMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// immutableOptions may be set once: changing them later would cut a task off from its group.
func (s *Signature) immutableOption(key string) bool {
	if key == "group_id" || key == "stamped_headers" {
		return true
	}
	for _, n := range fields(s.Options).list("stamped_headers") {
		if n == key {
			return true
		}
	}
	return false
}

// merge applies partial arguments and options to the signature's own.
func (s *Signature) merge(args []any, kwargs, options map[string]any) ([]any, map[string]any, map[string]any) {
	opts := cloneMap(s.Options)
	for k, v := range options {
		if v == nil {
			continue
		}
		if _, has := s.Options[k]; has && s.immutableOption(k) {
			continue
		}
		opts[k] = v
	}
	if s.Immutable {
		return s.Args, s.Kwargs, opts
	}
	if len(args) > 0 {
		args = append(slices.Clone(args), s.Args...)
	} else {
		args = s.Args
	}
	kw := s.Kwargs
	if len(kwargs) > 0 {
		kw = cloneMap(s.Kwargs)
		maps.Copy(kw, kwargs)
	}
	return args, kw, opts
}

// toMap is the signature as it travels.
func (s *Signature) toMap() map[string]any {
	kwargs := cloneMap(s.Kwargs)
	switch s.kind {
	case chainSig, groupSig:
		kwargs["tasks"] = plainSigs(s.tasks)
	case chordSig:
		kwargs["header"] = plainSigs(s.tasks)
		if s.body != nil {
			kwargs["body"] = s.body.toMap()
		} else {
			kwargs["body"] = nil
		}
	}
	var kind any
	if s.kind != simpleSig {
		kind = string(s.kind)
	}
	return map[string]any{"task": s.Task, "args": plain(orEmpty(s.Args)), "kwargs": plain(kwargs), "options": plain(cloneMap(s.Options)),
		"subtask_type": kind, "immutable": s.Immutable}
}

func plainSigs(sigs []*Signature) []any {
	out := make([]any, len(sigs))
	for i, t := range sigs {
		out[i] = t.toMap()
	}
	return out
}

// plain replaces signatures inside a value by their objects.
func plain(v any) any {
	switch x := v.(type) {
	case *Signature:
		if x == nil {
			return nil
		}
		return x.toMap()
	case []any:
		for i, e := range x {
			if p, changed := plainElem(e); changed {
				x = slices.Clone(x)
				x[i] = p
			}
		}
		return x
	case map[string]any:
		cloned := false
		for k, e := range x {
			if p, changed := plainElem(e); changed {
				if !cloned {
					x, cloned = maps.Clone(x), true
				}
				x[k] = p
			}
		}
		return x
	case *AsyncResult:
		return x.resultTuple()
	}
	return v
}

func plainElem(e any) (any, bool) {
	switch e.(type) {
	case *Signature, []any, map[string]any, *AsyncResult:
		return plain(e), true
	}
	return e, false
}

var errNotSignature = errors.New("celery: not a signature")

// toSignature makes a Signature of a value that is one or travels as one.
func (a *App) toSignature(v any) (*Signature, error) {
	return a.sigFrom(v, 0)
}

func (a *App) sigFrom(v any, depth int) (*Signature, error) {
	if s, ok := v.(*Signature); ok && s != nil {
		return s.withApp(a), nil
	}
	m, ok := asMap(v)
	if !ok || depth > 500 {
		return nil, fmt.Errorf("%w: %s", errNotSignature, pyrepr.Safe(v, 200))
	}
	f := fields(m)
	s := &Signature{Task: f.str("task"), Args: f.list("args"), kind: sigKind(f.str("subtask_type")), app: a, received: true}
	s.Immutable, _ = m["immutable"].(bool)
	kwargs, _ := asMap(m["kwargs"])
	options, _ := asMap(m["options"])
	s.Kwargs, s.Options = cloneMap(kwargs), cloneMap(options)
	if s.Task == "" {
		return nil, fmt.Errorf("%w: it names no task: %s", errNotSignature, pyrepr.Safe(v, 200))
	}
	var err error
	switch s.kind {
	case chainSig, groupSig:
		s.tasks, err = a.sigsFrom(s.Kwargs["tasks"], depth)
		delete(s.Kwargs, "tasks")
	case chordSig:
		header := s.Kwargs["header"]
		if h, ok := asMap(header); ok { // a group or a chain: its members
			inner, _ := asMap(h["kwargs"])
			if t, ok := inner["tasks"]; ok {
				header = t
			} else {
				header = []any{h}
			}
		}
		if s.tasks, err = a.sigsFrom(header, depth); err == nil && s.Kwargs["body"] != nil {
			s.body, err = a.sigFrom(s.Kwargs["body"], depth+1)
		}
		delete(s.Kwargs, "header")
		delete(s.Kwargs, "body")
	case simpleSig, mapSig, starSig, chunksSig:
	default:
		err = fmt.Errorf("%w: subtask_type %q is unknown", errNotSignature, s.kind)
	}
	return s, err
}

func (a *App) sigsFrom(v any, depth int) ([]*Signature, error) {
	var out []*Signature
	for _, e := range maybeList(v) {
		s, err := a.sigFrom(e, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Delay calls the signature with further arguments in front of its own.
func (s *Signature) Delay(ctx context.Context, args ...any) (*AsyncResult, error) {
	return s.ApplyAsync(ctx, args, nil, Options{})
}

// ApplyAsync calls the signature with further arguments and options. Called from within a task, what it sends counts
// as the task's child.
func (s *Signature) ApplyAsync(ctx context.Context, args []any, kwargs map[string]any, o Options) (*AsyncResult, error) {
	if s.app == nil {
		return nil, errors.New("celery: the signature belongs to no app: make it by app.Signature or task.S")
	}
	if s.app.conf.TaskAlwaysEager {
		return s.Apply(ctx, args, kwargs, o)
	}
	return s.app.send(ctx, func(snd *sender) (*AsyncResult, error) {
		return snd.apply(s.copy(), args, kwargs, o.toMap())
	})
}
