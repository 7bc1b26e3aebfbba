use super::*;

fn show(node: &Node<'_>, text: &str) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Scalar(scalar) => format!("{scalar}@{}", text.get(node.span.clone()).expect("a span of the file")),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| show(item, text)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}={}", key.name, show(value, text))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[test]
fn values_are_verbatim_with_spans() {
    for (text, expected) in [
        ("---\ntitle: 1.10\nlanguage: no\n---\nx", "{title=1.10@1.10, language=no@no}"),
        (
            "---\r\ntitle: \"科技: 案例\"\r\ntags: [甲, 'b']\r\n---\r\nx",
            "{title=科技: 案例@\"科技: 案例\", tags=[甲@甲, b@'b']}",
        ),
        ("---\n图:\n  标题: 桥\ntitle:\n...\nx", "{图={标题=桥@桥}, title=null}"),
        (
            "+++\ntitle = \"a\"\ndate = 2026-11-23T10:00:00+08:00\n[extra]\nn = 0x1F\n+++\n",
            "{title=a@\"a\", date=2026-11-23T10:00:00+08:00@2026-11-23T10:00:00+08:00, extra={n=1F@0x1F}}",
        ),
        ("---\n---\n", "{}"),
        ("---\n# only a comment\n---\n", "{}"),
    ] {
        let matter = read(text, FileKind::Markdown)
            .expect("has front matter")
            .unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
        assert_eq!(show(&Node { value: Value::Map(matter.keys), span: 0..0 }, text), expected);
    }
    assert!(read("# heading\n---\n", FileKind::Markdown).is_none());
}

#[test]
fn damaged_front_matter_is_refused() {
    let deep = format!("---\na: {}{}\n---\n", "[".repeat(40), "]".repeat(40));
    let deep_toml = format!("+++\na = {}{}\n+++\n", "[".repeat(20), "]".repeat(20));
    let deep_table = format!("+++\n[{}a]\ndraft = true\n+++\n", "a.".repeat(20));
    let long = format!("---\na: [{}]\n---\n", "1,".repeat(40_000));
    let keys: String = (0..=1_000).map(|key| format!("k{key}: x\n")).collect();
    let many = format!("---\ntitle: x\n{keys}---\n");
    for (text, reason) in [
        ("---\ntitle: x\n", "not closed"),
        ("+++\ntitle = \"x\"\n", "not closed"),
        ("---\ntitle: a: b\n---\n", "not YAML"),
        ("---\na: &x 1\nb: *x\n---\n", "aliases"),
        ("---\na: 1\na: 2\n---\n", "twice"),
        ("---\n- title: a\n- b\n---\n", "list of keys"),
        ("---\n[a]: 1\ntitle: x\n---\n", "a key is a word"),
        ("+++\na = \n+++\n", "not TOML"),
        (";;;\ntitle: x\na,b\ndraft: true\n;;;\n", "a key ends on the line"),
        ("---\n{title: x,\na\ndraft: true}\n---\n", "a key ends on the line"),
        (";;;\ntitle: x\n\ndraft = true\n;;;\n", "part of the value above"),
        (";;;\ntitle: x\n, draft = true\n;;;\n", "part of the value above"),
        ("---json\n{title: x\n\ndraft = true}\n---\n", "part of the value above"),
        ("{\"title\": x\n\ndraft = true}\n", "part of the value above"),
        ("{\"title\": x\n\"draft = true\"}\n", "part of the value above"),
        (deep.as_str(), "nested more than 16 deep"),
        (deep_toml.as_str(), "nested more than 16 deep"),
        (deep_table.as_str(), "nested more than 16 deep"),
        (long.as_str(), "more than 20,000 keys, values and brackets"),
        (many.as_str(), "more than 1,000 keys"),
    ] {
        let refusal = read(text, FileKind::Markdown)
            .expect("has front matter")
            .expect_err(text.get(..20.min(text.len())).unwrap_or(text));
        assert!(refusal.message.contains(reason), "{text:.40}: {}", refusal.message);
    }
}
