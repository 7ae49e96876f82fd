package zarr

import "context"

// Group is a node that holds arrays and groups.
type Group struct{}

// CreateGroup writes a version 3 group at path ("" is the store's root). A node that is already there is
// ErrExists and stays as it is.
func CreateGroup(ctx context.Context, s Store, path string, attributes map[string]any, o Options) (*Group, error) {
	return nil, ErrUnsupported
}

// OpenGroup opens the group at path, version 3 or 2. None there is fs.ErrNotExist.
func OpenGroup(ctx context.Context, s Store, path string, o Options) (*Group, error) {
	return nil, ErrUnsupported
}

// Attributes returns a copy of the group's attributes: nil, bool, int64, float64, string, []any, map[string]any.
func (g *Group) Attributes() map[string]any { return nil }

// Array opens the array name (may be a path) below the group, from the consolidated metadata where the group
// has them. None there is fs.ErrNotExist.
func (g *Group) Array(ctx context.Context, name string) (*Array, error) { return nil, ErrUnsupported }

// Group opens the group name below the group.
func (g *Group) Group(ctx context.Context, name string) (*Group, error) { return nil, ErrUnsupported }

// Create writes the metadata of a new array. A node of that name is ErrExists and stays as it is. The group's
// consolidated metadata are not touched: call Consolidate when the hierarchy is complete.
func (g *Group) Create(ctx context.Context, name string, o ArrayOptions) (*Array, error) {
	return nil, ErrUnsupported
}

// Members returns the paths of all arrays and groups below the group, sorted.
func (g *Group) Members(ctx context.Context) (arrays, groups []string, err error) {
	return nil, nil, ErrUnsupported
}

// Consolidate writes the metadata of every node below the group into the group's own, inline, as
// zarr.consolidate_metadata of zarr-python 3 does. It writes nothing where they are there already.
func (g *Group) Consolidate(ctx context.Context) error { return ErrUnsupported }
