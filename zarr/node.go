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
		return nil, fmt.Errorf("%w: it is a group", ErrInvalid)
	}
	if n.version == 2 {
		return parseMetadataV2(n.doc, n.attrs)
	}
	return parseMetadata(n.doc)
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
			return node{}, fmt.Errorf("%w: zarr_format %s", ErrUnsupported, formatJSON(v))
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
