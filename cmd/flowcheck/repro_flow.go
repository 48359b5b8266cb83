package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/flowcheck/flowcheck/message"
)

// alone is a flow file with one scenario, in one case, and one probe; "" is none.
// from and to are the places of the file and of what is made of it: relative paths
// are rewritten.
func alone(text []byte, from, to string, mark *message.Mark, probe string) ([]byte, error) {
	doc, err := document(text, from)
	if err != nil {
		return nil, err
	}
	if whole, err := document(text, from); err != nil {
		return nil, err
	} else if err := inline(whole.Content[0], filepath.Dir(from), map[string]bool{}); err != nil {
		return nil, err
	} else if scenariosOf(whole) > scenariosOf(doc) {
		doc = whole // else it goes on using those files
	}
	root := doc.Content[0]
	list := valueOf(root, "scenarios")
	if list == nil {
		return nil, fmt.Errorf("%s has no scenarios", from)
	}
	at := slices.IndexFunc(list.Content, func(n *yaml.Node) bool {
		name := valueOf(n, "name")
		return name != nil && name.Value == mark.Name
	})
	if at < 0 {
		return nil, fmt.Errorf("%s has no scenario %q", from, mark.Name)
	}
	one := list.Content[at]
	list.Content = []*yaml.Node{one}
	if err := put(one, "cases", []map[string]any{mark.Case}, len(mark.Case) > 0); err != nil {
		return nil, err
	}
	if err := put(one, "probes", []string{probe}, probe != ""); err != nil {
		return nil, err
	}
	move(root, filepath.Dir(from), filepath.Dir(to), false)
	var out bytes.Buffer
	d, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, err
	}
	if err := d.Dump(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), d.Close()
}

// document parses a flow file: its content is one map.
func document(text []byte, name string) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s is no map", name)
	}
	return &doc, nil
}

func scenariosOf(doc *yaml.Node) int {
	if list := valueOf(doc.Content[0], "scenarios"); list != nil {
		return len(list.Content)
	}
	return 0
}

// inline puts what the files under use: define behind what the file in the folder
// does, each once, as it is when they are loaded.
func inline(root *yaml.Node, folder string, read map[string]bool) error {
	use := valueOf(root, "use")
	if use == nil {
		return nil
	}
	paths := use.Content
	if use.Kind == yaml.ScalarNode {
		paths = []*yaml.Node{use}
	}
	if err := put(root, "use", nil, false); err != nil {
		return err
	}
	for _, u := range paths {
		path := filepath.Join(folder, filepath.FromSlash(u.Value))
		if read[path] {
			continue
		}
		read[path] = true
		text, err := readBounded(path)
		if err != nil {
			return err
		}
		used, err := document(text, path)
		if err != nil {
			return err
		}
		if err := inline(used.Content[0], filepath.Dir(path), read); err != nil {
			return err
		}
		move(used.Content[0], filepath.Dir(path), folder, false)
		if err := addTo(root, used.Content[0], path); err != nil {
			return err
		}
	}
	return nil
}

// addTo adds what a used file defines.
func addTo(root, used *yaml.Node, path string) error {
	for i := 0; i+1 < len(used.Content); i += 2 {
		key, value := used.Content[i], used.Content[i+1]
		have := valueOf(root, key.Value)
		switch {
		case have == nil:
			root.Content = append(root.Content, key, value)
		case have.Kind == value.Kind && (have.Kind == yaml.MappingNode || have.Kind == yaml.SequenceNode):
			have.Content = append(have.Content, value.Content...)
		case key.Value != "flowcheck":
			return fmt.Errorf("%s of %s cannot be added to that of the flow file, which is written otherwise: move it there", key.Value, path)
		}
	}
	return nil
}

// valueOf is the value of a key of a map; nil where it has none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// put sets a key of a map, or takes it out.
func put(n *yaml.Node, key string, value any, there bool) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			break
		}
	}
	if !there {
		return nil
	}
	var v yaml.Node
	if err := v.Encode(value); err != nil {
		return err
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, &v)
	return nil
}

// pathKeys are the keys below which there are paths from the folder of the file.
var pathKeys = []string{"use", "schema", "key-schema", "tls"}

// move rewrites the paths of files from one folder to another.
func move(n *yaml.Node, from, to string, path bool) {
	if path && n.Kind == yaml.ScalarNode && !filepath.IsAbs(n.Value) && !strings.Contains(n.Value, "${") {
		old := filepath.Join(from, filepath.FromSlash(n.Value))
		if _, err := os.Stat(old); err == nil && n.Value != "" {
			if moved, err := relative(to, old); err == nil {
				n.Value = filepath.ToSlash(moved)
			}
		}
	}
	for i, child := range n.Content {
		below := path
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			below = path || slices.Contains(pathKeys, n.Content[i-1].Value)
		}
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			move(child, from, to, below)
		}
	}
}

// relative is a path from a folder to a file, both from here.
func relative(folder, file string) (string, error) {
	a, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	b, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(a, b)
}
