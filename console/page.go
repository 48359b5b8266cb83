package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
)

//go:embed assets
var assets embed.FS

// types are the assets that there are.
var types = map[string]string{"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}

func asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	kind, ok := types[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(data) // who asked is gone: nobody is left to tell
}

// show fills a template.
func (c *Console) show(w http.ResponseWriter, code int, name string, data any) {
	t, err := template.ParseFS(assets, "assets/*.html")
	var b bytes.Buffer
	if err == nil {
		err = t.ExecuteTemplate(&b, name, data)
	}
	if err != nil {
		c.cfg.Log.Error("the page cannot be made", "page", name, "error", err)
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // who asked is gone: nobody is left to tell
}

func (c *Console) showLogin(w http.ResponseWriter, code int, why string) {
	c.show(w, code, "login.html", why)
}

func (c *Console) getPage(w http.ResponseWriter, _ *http.Request) {
	c.show(w, http.StatusOK, "page.html", nil)
}

// cut cuts a text to so many bytes at most, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
