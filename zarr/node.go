package zarr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// The objects that hold metadata.
const (
	docV3           = "zarr.json"
	docArrayV2      = ".zarray"
	docGroupV2      = ".zgroup"
	docAttributesV2 = ".zattrs"
	docAllV2        = ".zmetadata"
)

// node is the metadata document of a group or array.
type node struct {
	version int
	doc     object
	attrs   object // version 2: the document .zattrs
}

// isArray says whether the node is an array (or else a group).
func (n node) isArray() bool {
	if n.version == 2 {
		_, ok := n.doc.get("shape")
		return ok
	}
	t, _ := n.doc.get("node_type")
	return t == "array"
}

func (n node) array() (*metadata, error) {
	if !n.isArray() {
		t, _ := n.doc.get("node_type")
		if n.version == 2 || t == "group" {
			return nil, fmt.Errorf("%w: it is a group", ErrInvalid)
		}
		return nil, fmt.Errorf("%w: node_type is %s, not array", ErrInvalid, brief(t))
	}
	if n.version == 2 {
		return parseMetadataV2(n.doc, n.attrs)
	}
	return parseMetadata(n.doc)
}

// checkGroup refuses what is no group, or one with what this package must not overlook.
func (n node) checkGroup() error {
	if n.isArray() {
		return fmt.Errorf("%w: it is an array", ErrInvalid)
	}
	if n.version == 2 {
		return nil
	}
	if t, _ := n.doc.get("node_type"); t != "group" {
		return fmt.Errorf("%w: node_type is %s, not group", ErrInvalid, brief(t))
	}
	for _, m := range n.doc {
		switch m.key {
		case "zarr_format", "node_type", "consolidated_metadata":
		case "attributes":
			if _, ok := m.val.(object); !ok && m.val != nil {
				return fmt.Errorf("attributes: %w: no object", ErrCorrupt)
			}
		default:
			if !ignorable(m.val) {
				return fmt.Errorf("%s: %w: extension", m.key, ErrUnsupported)
			}
		}
	}
	return nil
}

// attributes returns the node's attributes.
func (n node) attributes() object {
	if n.version == 2 {
		return n.attrs
	}
	v, _ := n.doc.get("attributes")
	o, _ := v.(object)
	return o
}

// readNode finds the metadata of the node at path, version 3 first. None there is fs.ErrNotExist.
func readNode(ctx context.Context, s Store, path string) (node, error) {
	doc, err := readDoc(ctx, s, join(path, docV3))
	if err == nil {
		if v, _ := doc.get("zarr_format"); v != number("3") {
			return node{}, fmt.Errorf("%w: zarr_format %s", ErrUnsupported, brief(v))
		}
		return node{version: 3, doc: doc}, nil
	}
	for _, name := range []string{docArrayV2, docGroupV2} {
		if !errors.Is(err, fs.ErrNotExist) {
			return node{}, err
		}
		if doc, err = readDoc(ctx, s, join(path, name)); err == nil {
			attrs, err := readDoc(ctx, s, join(path, docAttributesV2))
			if errors.Is(err, fs.ErrNotExist) {
				attrs, err = object{}, nil
			}
			return node{version: 2, doc: doc, attrs: attrs}, err
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no zarr.json, .zarray or .zgroup: %w", fs.ErrNotExist)
	}
	return node{}, err
}

// readDoc reads a JSON object.
func readDoc(ctx context.Context, s Store, key string) (object, error) {
	text, err := s.Get(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	return parseDoc(text, key)
}

func parseDoc(text []byte, key string) (object, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	o, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%s: %w: no JSON object", key, ErrCorrupt)
	}
	return o, nil
}
