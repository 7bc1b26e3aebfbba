use super::*;

fn expanded(text: &str) -> (String, String) {
    let expanded = expand(text, Syntax::Markdown);
    let removed: Vec<String> =
        expanded.removed.iter().map(|removed| format!("{} {}", removed.kind, removed.count)).collect();
    (expanded.text.into_owned(), removed.join(", "))
}

#[test]
fn unknown_shortcodes_lose_delimiters() {
    for (text, expected, removed) in [
        ("a {{< tweet 1 >}} b {{< tweet 2 >}}", "a  b ", "{{< tweet >}} 2"),
        ("{{% note %}}\n*text*\n{{% /note %}}", "\n*text*\n", "{{< note >}} 1"),
        ("{{< box />}}x", "x", "{{< box >}} 1"),
        ("{% quote(author=\"V\") %}\ntext\n{% end %}", "\ntext\n", "{% quote %} 1"),
        ("{% include x.html a=1 %}y", "y", "{% include %} 1"),
        ("{%- if a -%}y{%- endif -%}", "y", "{% if %} 1"),
        ("{{ page.title | upcase }}!", "!", "{{ page.title }} 1"),
        ("{{page.title}}!", "!", "{{ page.title }} 1"),
        ("{{ call(1) }}", "", "{{ call }} 1"),
        ("{% comment %}secret{% endcomment %}x", "x", ""),
        ("x{% comment %}secret", "x", ""),
        ("{{< comment >}}secret{{< /comment >}}x", "x", ""),
        ("{# secret #}x", "x", ""),
        ("{::comment}\nsecret\n{:/comment}x", "x", ""),
        ("{::nomarkdown}x{:/}", "x", ""),
        ("{% if false %}secret{% endif %}x", "x", ""),
        ("{{ site.baseurl }}/x {{ '/y' | relative_url }}", "/x /y", ""),
        ("* TOC\n{:toc}\n\nx", "\n\nx", ""),
        ("[TOC]\n\nx", "\n\nx", ""),
        (
            "{{ x }} is not a name, {{1}} neither, and \\{{ site.url }}",
            "{{ x }} is not a name, {{1}} neither, and \\{{ site.url }}",
            "",
        ),
        ("## Setup {#setup}", "## Setup {#setup}", ""),
        ("{{< members >}}x{{< /members >}}", "{{< members >}}x{{< /members >}}", ""),
        ("{{< open", "{{< open", ""),
        ("plain", "plain", ""),
    ] {
        assert_eq!(expanded(text), (expected.to_owned(), removed.to_owned()), "{text}");
    }
}

#[test]
fn known_shortcodes_are_rendered() {
    for (text, expected) in [
        (
            "{{< figure src=\"a.jpg\" alt=\"A & b\" caption=\"C\" link=\"/x\" >}}\nText",
            "<figure><a href=\"/x\"><img src=\"a.jpg\" alt=\"A &amp; b\"></a><figcaption>C</figcaption></figure>\n\n\nText",
        ),
        (
            "{{< youtube w7Ft2ymGmfc >}}",
            "<div><iframe src=\"https://www.youtube.com/embed/w7Ft2ymGmfc\"></iframe></div>\n\n",
        ),
        ("a {{ youtube(id=\"w7F\") }} b", "a <div><iframe src=\"https://www.youtube.com/embed/w7F\"></iframe></div> b"),
        (
            "{{< vimeo id=\"146022717\" title=\"T\" >}}",
            "<div><iframe src=\"https://player.vimeo.com/video/146022717\" title=\"T\"></iframe></div>\n\n",
        ),
        (
            "{{< gist spf13 7896402 >}}",
            "<a href=\"https://gist.github.com/spf13/7896402\">gist.github.com/spf13/7896402</a>",
        ),
        ("{% gist a/1 f.rb %}", "<a href=\"https://gist.github.com/a/1\">gist.github.com/a/1</a>"),
        ("[x]({{< ref \"/post/a b.md#c\" >}})", "[x](@/post/a%20b.md#c)"),
        ("[x]({{% relref \"b\" %}})", "[x](b.md)"),
        ("[x]({% link _posts/2016-07-26-n.md %})", "[x](@/_posts/2016-07-26-n.md)"),
        ("[x]({% link assets/f.pdf %})", "[x](/assets/f.pdf)"),
        ("[x]({% post_url 2010-07-21-n %})", "[x](@/_posts/2010-07-21-n.md)"),
        (
            "{% highlight ruby %}\nputs *1*\n\n{{ x }}\n{% endhighlight %}",
            "<pre><code class=\"language-ruby\">puts &#42;1&#42;&#10;&#10;&#123;&#123; x &#125;&#125;</code></pre>\n\n",
        ),
        ("{% raw %}{{ a.b }}{% endraw %}", "&#123;&#123; a&#46;b &#125;&#125;"),
        ("{{</* figure */>}}", "&#123;&#123;&#60; figure &#62;&#125;&#125;"),
    ] {
        assert_eq!(expanded(text), (expected.to_owned(), String::new()), "{text}");
    }
}

#[test]
fn code_stays_verbatim() {
    for text in [
        "`{{ page.title }}`",
        "``a ` {{< x >}}``",
        "```liquid\n{{ page.title }}\n```",
        "~~~\n{% x %}\n```\n~~~",
        "> ```\n> {{ page.title }}\n> ```",
        "- a\n\n  ```\n  {{ page.title }}\n  ```",
        "text\n\n    {{ page.title }}\n\n    {{ page.title }}",
        "<pre>\n\n{{ page.title }}</pre>",
        "<code>{{ page.title }}</code>",
        "<!-- {{ page.title }} -->",
    ] {
        assert_eq!(expanded(text), (text.to_owned(), String::new()), "{text}");
    }
    for (text, expected) in [
        ("```\n{% raw %}{{ page.title }}{% endraw %}\n```", "```\n{{ page.title }}\n```"),
        ("`{{</* x */>}}`", "`{{< x >}}`"),
        ("- a\n\n    {{ page.title }}", "- a\n\n    "),
        ("a ` b {{ page.title }}", "a ` b "),
        ("```\nx\n```\n{{ page.title }}", "```\nx\n```\n"),
        ("<pre>x {{ page.title }}", "<pre>x "),
    ] {
        assert_eq!(expanded(text).0, expected, "{text}");
    }
}
