package zarr

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Group is a node that holds arrays and groups. All methods are safe for concurrent use.
type Group struct {
	store Store
	path  string
	node  node
	below map[string]node // consolidated metadata by path below the group, nil without
	opt   Options
}

// CreateGroup writes a version 3 group at path ("" is the store's root). A node that is already there is
// ErrExists and stays as it is.
func CreateGroup(ctx context.Context, s Store, path string, attributes map[string]any, o Options) (*Group, error) {
	path, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	attrs, err := toJSON(attributes)
	if err != nil {
		return nil, fmt.Errorf("zarr: group %s: attributes: %w", place(s, path), err)
	}
	doc := object{{"attributes", attrs}, {"zarr_format", number("3")}, {"node_type", "group"}}
	if err := createDoc(ctx, s, join(path, docV3), doc); err != nil {
		return nil, fmt.Errorf("zarr: group %s: %w", place(s, path), err)
	}
	return &Group{store: s, path: path, node: node{version: 3, doc: doc}, opt: o}, nil
}

// createDoc writes a new document; one that is already there is ErrExists.
func createDoc(ctx context.Context, s Store, key string, doc object) error {
	return s.Update(ctx, key, func(old Object, w io.Writer) (Outcome, error) {
		if old != nil {
			return Keep, ErrExists
		}
		_, err := w.Write(formatJSON(doc))
		return Replace, err
	})
}

// OpenGroup opens the group at path, version 3 or 2. None there is fs.ErrNotExist.
func OpenGroup(ctx context.Context, s Store, path string, o Options) (*Group, error) {
	path, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	n, err := readNode(ctx, s, path)
	if err != nil {
		return nil, fmt.Errorf("zarr: group %s: %w", place(s, path), err)
	}
	return openGroup(ctx, s, path, n, o)
}

func openGroup(ctx context.Context, s Store, path string, n node, o Options) (*Group, error) {
	if err := n.checkGroup(); err != nil {
		return nil, fmt.Errorf("zarr: group %s: %w", place(s, path), err)
	}
	g := &Group{store: s, path: path, node: n, opt: o}
	var err error
	if n.version == 2 {
		g.below, err = readAllV2(ctx, s, path)
	} else {
		g.below, err = consolidated(n.doc)
	}
	if err != nil {
		return nil, fmt.Errorf("zarr: group %s: consolidated metadata: %w", place(s, path), err)
	}
	return g, nil
}

// consolidated returns the documents inside a group's own, by path.
func consolidated(doc object) (map[string]node, error) {
	v, ok := doc.get("consolidated_metadata")
	if !ok || v == nil {
		return nil, nil
	}
	c, _ := v.(object)
	if kind, _ := c.get("kind"); kind != "inline" {
		return nil, nil // of a kind that is not known here: read every node's own document
	}
	all, _ := c.get("metadata")
	docs, ok := all.(object)
	if !ok {
		return nil, fmt.Errorf("%w: no metadata", ErrCorrupt)
	}
	below := make(map[string]node, len(docs))
	for _, m := range docs {
		doc, ok := m.val.(object)
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrCorrupt, m.key)
		}
		below[m.key] = node{version: 3, doc: doc}
	}
	return below, nil
}

// Path returns the group's path in its store, without a leading slash; "" for the root.
func (g *Group) Path() string { return g.path }

// Attributes returns a copy of the group's attributes: nil, bool, int64, float64, string, []any, map[string]any.
func (g *Group) Attributes() map[string]any { return fromJSON(g.node.attributes()).(map[string]any) }

// find returns the path and metadata of a node below the group.
func (g *Group) find(ctx context.Context, name string) (string, node, error) {
	name, err := cleanPath(name)
	if err != nil {
		return "", node{}, err
	}
	path := join(g.path, name)
	if n, ok := g.below[name]; ok {
		return path, n, nil
	}
	n, err := readNode(ctx, g.store, path) // made after the metadata were consolidated, perhaps
	if err != nil {
		return "", node{}, fmt.Errorf("zarr: %s: %w", place(g.store, path), err)
	}
	return path, n, nil
}

// Array opens the array name (may be a path) below the group, from the consolidated metadata where the group
// has them. None there is fs.ErrNotExist.
func (g *Group) Array(ctx context.Context, name string) (*Array, error) {
	path, n, err := g.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return newArray(g.store, path, n, g.opt)
}

// Group opens the group name below the group.
func (g *Group) Group(ctx context.Context, name string) (*Group, error) {
	path, n, err := g.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return openGroup(ctx, g.store, path, n, g.opt)
}

// Create writes the metadata of a new array. A node of that name is ErrExists and stays as it is. The group's
// consolidated metadata are not touched: call Consolidate when the hierarchy is complete.
func (g *Group) Create(ctx context.Context, name string, o ArrayOptions) (*Array, error) {
	name, err := cleanPath(name)
	if err != nil {
		return nil, err
	}
	path := join(g.path, name)
	m, err := newMetadata(o)
	if err != nil {
		return nil, fmt.Errorf("zarr: array %s: %w", place(g.store, path), err)
	}
	if g.node.version == 2 {
		return nil, fmt.Errorf("zarr: array %s: %w: creating in a version 2 group", place(g.store, path), ErrUnsupported)
	}
	a, err := makeArray(g.store, path, m, g.opt)
	if err != nil {
		return nil, err
	}
	if err := createDoc(ctx, g.store, join(path, docV3), m.tree()); err != nil {
		return nil, fmt.Errorf("zarr: array %s: %w", place(g.store, path), err)
	}
	return a, nil
}

// Members returns the paths of all arrays and groups below the group, sorted, by listing every object there:
// slow where there are many chunks.
func (g *Group) Members(ctx context.Context) (arrays, groups []string, err error) {
	prefix := ""
	if g.path != "" {
		prefix = g.path + "/"
	}
	var names []string
	err = g.store.List(ctx, prefix, func(key string, _ int64) error {
		name, doc := "", strings.TrimPrefix(key, prefix)
		if i := strings.LastIndexByte(doc, '/'); i >= 0 {
			name, doc = doc[:i], doc[i+1:]
		}
		if name != "" && (doc == docV3 || doc == docArrayV2 || doc == docGroupV2) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("zarr: group %s: %w", place(g.store, g.path), err)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		n, err := readNode(ctx, g.store, join(g.path, name))
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("zarr: %s: %w", place(g.store, join(g.path, name)), err)
		case n.isArray():
			arrays = append(arrays, name)
		default:
			groups = append(groups, name)
		}
	}
	return arrays, groups, nil
}

// Consolidate writes the metadata of the nodes below the group into the group's own, inline, as
// zarr.consolidate_metadata of zarr-python 3 does. Without names it looks for all nodes (see Members); with
// names it adds or renews these and keeps the others that are consolidated already. It writes nothing where
// nothing would change.
func (g *Group) Consolidate(ctx context.Context, names ...string) error {
	if g.node.version == 2 {
		return fmt.Errorf("zarr: group %s: %w: consolidating a version 2 group", place(g.store, g.path), ErrUnsupported)
	}
	all := len(names) == 0
	if all {
		arrays, groups, err := g.Members(ctx)
		if err != nil {
			return err
		}
		names = append(arrays, groups...)
	}
	fresh := make(map[string]node, len(names))
	for _, name := range names {
		n, err := readNode(ctx, g.store, join(g.path, name))
		if err != nil {
			return fmt.Errorf("zarr: %s: %w", place(g.store, join(g.path, name)), err)
		}
		fresh[name] = n
	}
	err := g.store.Update(ctx, join(g.path, docV3), func(old Object, w io.Writer) (Outcome, error) {
		if old == nil {
			return Keep, fs.ErrNotExist
		}
		text := make([]byte, old.Size())
		if err := readFull(old, text, 0); err != nil {
			return Keep, err
		}
		doc, err := parseDoc(text, docV3)
		if err != nil {
			return Keep, err
		}
		docs := map[string]node{}
		if !all {
			if docs, err = consolidated(doc); err != nil {
				return Keep, err
			}
		}
		updated := formatJSON(withConsolidated(doc, docs, fresh))
		if bytes.Equal(updated, text) {
			return Keep, nil
		}
		_, err = w.Write(updated)
		return Replace, err
	})
	if err != nil {
		return fmt.Errorf("zarr: group %s: %w", place(g.store, g.path), err)
	}
	return nil
}

// withConsolidated returns a group's document with those of the nodes below it inside.
func withConsolidated(doc object, old, fresh map[string]node) object {
	docs := object{}
	for name, n := range old {
		if _, ok := fresh[name]; !ok {
			docs = append(docs, member{name, n.doc})
		}
	}
	for name, n := range fresh {
		d := n.doc
		if !n.isArray() {
			d = groupDoc(d, object{})
		}
		docs = append(docs, member{name, d})
	}
	slices.SortFunc(docs, func(a, b member) int { // zarr-python's order
		return cmp.Or(
			cmp.Compare(strings.Count(a.key, "/"), strings.Count(b.key, "/")),
			cmp.Compare(strings.ToLower(a.key), strings.ToLower(b.key)),
			cmp.Compare(a.key, b.key))
	})
	return groupDoc(doc, docs)
}

// groupDoc puts consolidated metadata where zarr-python has them, before node_type.
func groupDoc(doc, docs object) object {
	var out object
	for _, m := range doc {
		if m.key != "consolidated_metadata" && m.key != "node_type" {
			out = append(out, m)
		}
	}
	return append(out,
		member{"consolidated_metadata", object{{"kind", "inline"}, {"must_understand", false}, {"metadata", docs}}},
		member{"node_type", "group"})
}
