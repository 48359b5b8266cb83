// Package protobuf decodes and encodes Protobuf by .proto files that are
// compiled at run time.
//
//	.proto text → Compile → File → Message → Decode(bytes) → Value
//	                                       → Encode(Value) → bytes
//
// A body is as Protobuf's JSON mapping has it: names in lowerCamelCase, enums by
// name, times as RFC 3339 text, bytes in base64; but 64-bit integers are numbers,
// with all their digits, and fields that are not set have their defaults unless
// they are optional.
package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/flowcheck/flowcheck/payload"
)

// Source is where a schema comes from.
type Source struct {
	// Name is the file's, Text what is in it: .proto, or a FileDescriptorProto in
	// base64, as Python's clients register it.
	Name, Text string
	// References are the files that it imports by these names.
	References []payload.Reference
	// Imports are the folders in which ReadFile looks for what it imports, beside its
	// own; nil ReadFile: there are no files.
	Imports  []string
	ReadFile func(path string) ([]byte, error)
}

// File is a compiled .proto file. It is safe for concurrent use.
type File struct {
	file    protoreflect.FileDescriptor
	types   *dynamicpb.Types
	entries bool // it came as a descriptor
}

// Message is a type of message. It is safe for concurrent use.
type Message struct {
	desc  protoreflect.MessageDescriptor
	types *dynamicpb.Types
}

// Compile compiles a file and what it imports.
func Compile(src Source) (*File, error) {
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(src.Text)); err == nil && len(raw) > 0 {
		return src.fromDescriptor(raw)
	}
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: src.open}),
	}
	files, err := c.Compile(context.Background(), src.Name)
	if err != nil {
		return nil, err
	}
	return newFile(files[0])
}

// open finds a file: the schema itself, what it refers to, well-known ones, and
// then those on the disk.
func (src Source) open(name string) (io.ReadCloser, error) {
	text, ok := wellKnown()[name]
	if name == src.Name {
		text, ok = src.Text, true
	}
	for _, ref := range src.References {
		if ref.Name == name {
			text, ok = ref.Text, true
		}
	}
	if ok {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	if src.ReadFile == nil {
		return nil, fs.ErrNotExist
	}
	for _, dir := range append([]string{path.Dir(src.Name)}, src.Imports...) {
		data, err := src.ReadFile(path.Join(dir, name))
		if err == nil {
			return io.NopCloser(strings.NewReader(string(data))), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fs.ErrNotExist
}

// fromDescriptor reads a FileDescriptorProto. Its imports are text or descriptors.
func (src Source) fromDescriptor(raw []byte) (*File, error) {
	var desc descriptorpb.FileDescriptorProto
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(raw, &desc); err != nil {
		return nil, fmt.Errorf("it is neither .proto text nor a FileDescriptorProto: %w", err)
	}
	imports := new(protoregistry.Files)
	for _, name := range desc.Dependency {
		file, err := src.imported(name)
		if err != nil {
			return nil, err
		}
		if err := register(imports, file); err != nil {
			return nil, err
		}
	}
	file, err := protodesc.NewFile(&desc, imports)
	if err != nil {
		return nil, err
	}
	f, err := newFile(file)
	if err == nil {
		f.entries = true
	}
	return f, err
}

// imported compiles an import of a descriptor.
func (src Source) imported(name string) (protoreflect.FileDescriptor, error) {
	in := Source{Name: name, References: src.References}
	r, err := src.open(name)
	if err != nil {
		c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: src.open})}
		files, err := c.Compile(context.Background(), name)
		if err != nil {
			return nil, err
		}
		return files[0], nil
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	in.Text = string(text)
	in.References = slices.DeleteFunc(slices.Clone(src.References), func(r payload.Reference) bool { return r.Name == name })
	f, err := Compile(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f.file, nil
}

func newFile(file protoreflect.FileDescriptor) (*File, error) {
	all := new(protoregistry.Files)
	if err := register(all, file); err != nil {
		return nil, err
	}
	return &File{file: file, types: dynamicpb.NewTypes(all)}, nil
}

// register adds a file and all that it imports.
func register(all *protoregistry.Files, file protoreflect.FileDescriptor) error {
	if _, err := all.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	imports := file.Imports()
	for i := range imports.Len() {
		if err := register(all, imports.Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return all.RegisterFile(file)
}

// Message finds a message by its full name, or by its name in the file's package;
// "" is the only one.
func (f *File) Message(name string) (*Message, error) {
	messages := f.file.Messages()
	if name == "" && messages.Len() == 1 {
		return &Message{messages.Get(0), f.types}, nil
	}
	for _, full := range []string{name, string(f.file.Package()) + "." + name} {
		if t, err := f.types.FindMessageByName(protoreflect.FullName(full)); err == nil && name != "" {
			return &Message{t.Descriptor(), f.types}, nil
		}
	}
	var known []string
	for i := range messages.Len() {
		known = append(known, string(messages.Get(i).FullName()))
	}
	if name == "" {
		return nil, fmt.Errorf("it has the messages %s: say which", strings.Join(known, ", "))
	}
	return nil, fmt.Errorf("it has no message %s; it has %s", name, strings.Join(known, ", "))
}

// At finds the messages that the indexes of Confluent's framing may lead to, the
// likelier first. Clients do not count alike: Java's, which have the schema as text,
// pass over the entries that a map field is made of; Python's, which have it as a
// descriptor, count them. Source: ProtobufSchema.toMessageIndexes of Confluent's
// schema-registry, _create_index_array of confluent-kafka.
func (f *File) At(indexes []int) []*Message {
	var found []*Message
	for _, entries := range []bool{f.entries, !f.entries} {
		m := f.at(indexes, entries)
		if m != nil && (len(found) == 0 || found[0].desc != m) {
			found = append(found, &Message{m, f.types})
		}
	}
	return found
}

// at follows indexes; entries tells whether those of map fields count.
func (f *File) at(indexes []int, entries bool) (found protoreflect.MessageDescriptor) {
	in := f.file.Messages()
	for _, index := range indexes {
		found = nil
		for i := range in.Len() {
			if in.Get(i).IsMapEntry() && !entries {
				continue
			}
			if index == 0 {
				found = in.Get(i)
				break
			}
			index--
		}
		if found == nil || found.IsMapEntry() {
			return nil // an entry is never a message of its own
		}
		in = found.Messages()
	}
	return found
}

// Indexes lead to the message in its file, as Java's clients count: others read
// them and go by the type that they were given.
func (m *Message) Indexes() []int {
	var path []int
	for d := protoreflect.Descriptor(m.desc); ; d = d.Parent() {
		message, ok := d.(protoreflect.MessageDescriptor)
		if !ok {
			break
		}
		index := message.Index()
		if outer, ok := message.Parent().(protoreflect.MessageDescriptor); ok {
			for i := range message.Index() {
				if outer.Messages().Get(i).IsMapEntry() {
					index--
				}
			}
		}
		path = append(path, index)
	}
	slices.Reverse(path)
	return path
}

// Name is the message's full name.
func (m *Message) Name() string { return string(m.desc.FullName()) }

// maxDepth is how deep messages may nest.
const maxDepth = 200

// Decode decodes a body. The error is a *payload.Fault.
func (m *Message) Decode(data []byte) (payload.Value, error) {
	msg := dynamicpb.NewMessage(m.desc)
	if err := unmarshal(data, msg, m.types); err != nil {
		return payload.Value{}, payload.Faultf("it is no %s: %s", m.Name(), plain(err))
	}
	if unknown := msg.GetUnknown(); len(unknown) > 0 && len(unknown) == len(data) {
		return payload.Value{}, payload.Faultf("it has no field of %s: was it written as another message?", m.Name())
	}
	r := reader{m.types}
	return r.message(msg, 0), nil
}

// unmarshal reads a message. The library panics at some bytes that are none, such
// as an entry of a map that is cut off behind a field of another type.
func unmarshal(data []byte, msg proto.Message, types *dynamicpb.Types) (err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("cannot parse invalid wire-format data: %v", why)
		}
	}()
	return proto.UnmarshalOptions{RecursionLimit: maxDepth, Resolver: types}.Unmarshal(data, msg)
}

// plain is an error of the library without the spaces that it varies on purpose.
func plain(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
}

// Encode encodes a value. The error names the place that does not fit.
func (m *Message) Encode(v payload.Value) ([]byte, error) {
	msg := dynamicpb.NewMessage(m.desc)
	err := protojson.UnmarshalOptions{Resolver: m.types, RecursionLimit: maxDepth}.Unmarshal(payload.AppendJSON(nil, v), msg)
	if err != nil {
		return nil, fmt.Errorf("the body is no %s: %s", m.Name(), plain(err))
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(msg)
}
