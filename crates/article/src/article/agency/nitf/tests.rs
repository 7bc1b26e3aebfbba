//! Where each field of NITF comes from, and the HTML of each element, a row each.

use super::read;
use crate::article::agency::xml::tests::facts;

fn facts_of(content: &str) -> String {
    let item = read(&format!("<nitf>{content}</nitf>")).unwrap_or_else(|error| panic!("{content}: {error:?}"));
    facts(&item)
}

#[test]
fn each_field_has_its_origin() {
    for (parts, content, expected) in [
        ("head", "<title>T</title>", "title (head/title): T"),
        ("head/docdata", "<doc-id id-string='a'/>", "id (docdata/doc-id): a"),
        ("head/docdata", "<doc-id regsrc='A'/>", "provider (docdata/doc-id/regsrc): A"),
        (
            "head/docdata",
            "<du-key key='k' version='2'/>",
            "version (docdata/du-key): 2\nslugline (docdata/du-key): k\n\
             reference (docdata/du-key): k\nreference relation (docdata/du-key): du-key",
        ),
        ("head/docdata", "<du-key generation='3'/>", "version (docdata/du-key): 3"),
        ("head/docdata", "<du-key generation='3' version='2'/>", "version (docdata/du-key): 3.2"),
        ("head/docdata", "<date.issue norm='2026'/>", "first created (docdata/date.issue): 2026"),
        ("head/docdata", "<date.issue>2026</date.issue>", "first created (docdata/date.issue): 2026"),
        ("head/docdata", "<date.release norm='2026'/>", "embargo (docdata/date.release): 2026"),
        ("head/docdata", "<date.release/>", ""),
        ("head/docdata", "<date.expire norm='2026'/>", "expires (docdata/date.expire): 2026"),
        ("head/docdata", "<urgency ed-urg='2'/>", "urgency (docdata/urgency): 2"),
        ("head/docdata", "<doc-scope scope='Coast'/>", "keyword (docdata/doc-scope): Coast"),
        (
            "head/docdata",
            "<key-list><keyword key='a'/><keyword key='b'/></key-list>",
            "keyword (docdata/key-list): a\nkeyword (docdata/key-list): b",
        ),
        (
            "head/docdata",
            "<ed-msg msg-type='Advisory' info='A'/>",
            "signal (docdata/ed-msg/msg-type): Advisory\neditor note (docdata/ed-msg): A",
        ),
        ("head/docdata", "<ed-msg>A</ed-msg>", "editor note (docdata/ed-msg): A"),
        ("head/docdata", "<doc.copyright holder='A'/>", "copyright holder (docdata/doc.copyright): A"),
        ("head/docdata", "<doc.rights limitations='A'/>", "usage terms (docdata/doc.rights): A"),
        (
            "head/docdata",
            "<correction info='A' id-string='b'/>",
            "signal (docdata/correction): correction\neditor note (docdata/correction): A\n\
             reference (docdata/correction): b\nreference relation (docdata/correction): correction",
        ),
        (
            "head/docdata",
            "<identified-content><person value='1'>A</person><virtloc>x</virtloc></identified-content>",
            "subject code (docdata/identified-content): 1\nsubject name (docdata/identified-content): A",
        ),
        (
            "head/docdata",
            "<identified-content><org idsrc='s' value='1'/></identified-content>",
            "subject code (docdata/identified-content): s:1",
        ),
        (
            "head/tobject",
            "<tobject.property tobject.property.type='analysis'/>",
            "signal (tobject/tobject.property): analysis",
        ),
        (
            "head/tobject",
            "<tobject.subject tobject.subject.refnum='1' tobject.subject.type='A' tobject.subject.detail='B'/>",
            "subject code (tobject/tobject.subject): 1\nsubject name (tobject/tobject.subject): B",
        ),
        ("head", "<pubdata date.publication='2026'/>", "first created (pubdata/date.publication): 2026"),
        ("head", "<pubdata ex-ref='https://a.example/'/>", "link (pubdata/ex-ref): https://a.example/"),
        ("head", "<revision-history norm='1'/><revision-history norm='2'/>", "modified (revision-history): 2"),
        ("body/body.head/hedline", "<hl1>T</hl1><hl2>S</hl2>", "title (hedline/hl1): T\nsubhead (hedline/hl2): S"),
        (
            "body/body.head",
            "<note><body.content><p>A</p><p>B</p></body.content></note>",
            "editor note (body.head/note): A B",
        ),
        ("body/body.head", "<note noteclass='cpyrt'>A</note>", "copyright notice (body.head/note): A"),
        ("body/body.head", "<rights><rights.type>A</rights.type></rights>", "usage terms (body.head/rights): A"),
        (
            "body/body.head",
            "<byline>By A</byline><byline>By B</byline>",
            "byline (body.head/byline): By A\nbyline (body.head/byline): By B",
        ),
        (
            "body/body.head",
            "<byline>By <person>A</person>, <byttl>T</byttl></byline>",
            "byline (body.head/byline): By A\nauthor (body.head/byline): A",
        ),
        ("body/body.head", "<byline><byttl>T</byttl></byline>", ""),
        ("body/body.head", "<distributor>A</distributor>", "provider (body.head/distributor): A"),
        (
            "body/body.head",
            "<dateline><location>A</location>, B -</dateline>",
            "dateline (body.head/dateline): A, B -\nplace (body.head/dateline): A",
        ),
        ("body/body.head", "<abstract><p>A.</p><p>B.</p></abstract>", "summary (body.head/abstract): A. B."),
        ("body/body.content/block", "<copyrite>© A</copyrite>", "copyright notice (body.content/copyrite): © A"),
        ("body/body.content", "<note type='npa'>A</note>", "editor note (body.content/note): A"),
        ("body/body.end", "<tagline type='npa'>A</tagline>", "editor note (body.end/tagline): A"),
        (
            "body/body.content/media",
            "<media-reference source='a' mime-type='image/png'/>",
            "picture 0 rendition (media/media-reference): a\npicture 0 rendition type (media/media-reference): image/png",
        ),
        (
            "body/body.content/media",
            "<media-reference source-credit='A' copyright='B' alternate-text='C'/>",
            "picture 0 credit (media/media-reference): A\npicture 0 alt (media/media-reference): C",
        ),
        (
            "body/body.content/media",
            "<media-reference copyright='B'/><media-caption>A</media-caption>",
            "picture 0 caption (media/media-caption): A\npicture 0 credit (media/media-reference): B",
        ),
        ("body/body.content/media", "<media-producer>A</media-producer>", "picture 0 credit (media/media-producer): A"),
        ("body/body.content/media", "<media-reference source='a' mime-type='text/csv'/>", ""),
    ] {
        let open: String = parts.split('/').map(|part| format!("<{part}>")).collect();
        let close: String = parts.split('/').rev().map(|part| format!("</{part}>")).collect();
        assert_eq!(facts_of(&format!("{open}{content}{close}")), expected, "{content}");
    }
    for (attributes, expected) in [
        ("management-status='canceled'", "status (docdata/management-status): canceled"),
        ("management-status=''", "status (docdata/management-status): "),
        (
            "management-doc-idref='a' management-idref-status='canceled'",
            "reference status (docdata/management-idref-status): canceled\nreference (docdata/management-doc-idref): a\n\
             reference relation (docdata/management-doc-idref): management-doc-idref",
        ),
    ] {
        assert_eq!(facts_of(&format!("<head><docdata {attributes}/></head>")), expected, "{attributes}");
    }
    let item = read("<nitf uno='a' baselang='de'><body xml:lang='en'/></nitf>").expect("an item");
    assert_eq!(facts(&item), "id (nitf/uno): a\nlanguage (nitf/baselang): de");
}

#[test]
fn each_element_becomes_html() {
    for (source, html) in [
        ("<p>a  b\n c </p><p/><p> </p>", "<p>a b c</p>"),
        ("<p>a &lt;b&gt; &amp;</p>", "<p>a &lt;b&gt; &amp;</p>"),
        ("<hl2>a</hl2>", "<h2>a</h2>"),
        ("<p>a <em>b</em> <em> c</em>d<q>e</q>.</p>", "<p>a <em>b</em> <em>c</em>d<q>e</q>.</p>"),
        ("<p>a<em> b</em></p>", "<p>a<em> b</em></p>"),
        ("<p><a href='a&quot;b'>c</a> <a>d</a></p>", "<p><a href=\"a&quot;b\">c</a> d</p>"),
        (
            "<p><lang value='fr'>a</lang> <lang xml:lang='de'>b</lang></p>",
            "<p><span lang=\"fr\">a</span> <span lang=\"de\">b</span></p>",
        ),
        ("<p>a<br/> b</p><hr/>", "<p>a<br>b</p>\n<hr>"),
        ("<ul><li>a</li><li/></ul><ol><li>b</li></ol>", "<ul>\n<li>a</li>\n</ul>\n<ol>\n<li>b</li>\n</ol>"),
        ("<dl><dt>a</dt><dd>b</dd></dl>", "<dl>\n<dt>a</dt>\n<dd>b</dd>\n</dl>"),
        ("<bq><block><p>a</p></block><credit>b</credit></bq>", "<blockquote>\n<p>a</p>\n<p>b</p>\n</blockquote>"),
        (
            "<table><tr><td colspan='2'>a</td><td rowspan='x'/></tr></table>",
            "<table>\n<tr><td colspan=\"2\">a</td><td></td></tr>\n</table>",
        ),
        ("<pre>a\r\n  b</pre>", "<pre>a\n  b</pre>"),
        (
            "<p><person>A <name.family>B</name.family></person>, <location><city>C</city></location></p>",
            "<p>A B, C</p>",
        ),
        ("<p><money>€5</money> <num>1<frac><numer>1</numer><denom>2</denom></frac></num></p>", "<p>€5 1 1/2</p>"),
        ("<p><pronounce guide='g'>a</pronounce> <classifier>b</classifier></p>", "<p>a b</p>"),
        ("<fn><body.content><p>a</p></body.content></fn>", "<p>a</p>"),
        (
            "<block><byline>a</byline><dateline>b</dateline><p>c</p><datasource>d</datasource></block>",
            "<p>a</p>\n<p>b</p>\n<p>c</p>\n<p>d</p>",
        ),
        ("<block><tobject/><key-list><keyword key='a'/></key-list><classifier>b</classifier></block>", ""),
        ("<p>a<x:b xmlns:x='urn:x'>c</x:b>d</p>", "<p>ad</p>"),
        ("a <em>b</em><p>c</p>d", "a <em>b</em>\n<p>c</p>\nd"),
        (
            "<nitf-table><nitf-table-metadata>a</nitf-table-metadata><table><tr><td>b</td></tr></table></nitf-table>",
            "<table>\n<tr><td>b</td></tr>\n</table>",
        ),
    ] {
        let text = format!("<nitf><body><body.content>{source}</body.content></body></nitf>");
        let item = read(&text).unwrap_or_else(|error| panic!("{source}: {error:?}"));
        let found = item.bodies.first().map_or("", |body| body.field.text.as_str());
        assert_eq!(found, html, "{source}");
    }
}
