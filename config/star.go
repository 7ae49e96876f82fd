package config

import "fmt"

func (v moduleValue) at(file string) string { return fmt.Sprintf("%s:%d:%d", file, v.line, v.col) }

func runModule(src moduleSource) *module { return &module{name: src.name} }
