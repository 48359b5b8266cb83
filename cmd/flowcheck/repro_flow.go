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
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s is no map", from)
	}
	root := doc.Content[0]
	list := valueOf(root, "scenarios")
	if list == nil {
		return nil, fmt.Errorf("%s has no scenarios of its own", from)
	}
	at := slices.IndexFunc(list.Content, func(n *yaml.Node) bool {
		name := valueOf(n, "name")
		return name != nil && name.Value == mark.Name
	})
	if at < 0 {
		return nil, fmt.Errorf("%s has no scenario %q: it stands in a file that it uses", from, mark.Name)
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
	if err := d.Dump(&doc); err != nil {
		return nil, err
	}
	return out.Bytes(), d.Close()
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
