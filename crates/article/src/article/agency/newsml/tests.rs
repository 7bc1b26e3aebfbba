//! Where each field of NewsML-G2 comes from, a row each.

use super::read;
use crate::article::agency::item::Kind;
use crate::article::agency::xml::tests::facts;

/// The [`facts`] of an item with this content.
fn facts_of(content: &str) -> String {
    let text = format!("<newsItem xmlns=\"http://iptc.org/std/nar/2006-10-01/\" xml:lang=\"en\">{content}</newsItem>");
    let items = read(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let facts = facts(items.first().expect("an item"));
    facts.lines().filter(|line| *line != "language (xml:lang): en").collect::<Vec<_>>().join("\n")
}

#[test]
fn each_field_has_its_origin() {
    for (part, content, expected) in [
        ("itemMeta", "<provider qcode='a:b'/>", "provider (itemMeta/provider): a:b"),
        ("itemMeta", "<provider uri='https://a.example/'/>", "provider (itemMeta/provider): https://a.example/"),
        ("itemMeta", "<provider literal='A'/>", "provider (itemMeta/provider): A"),
        (
            "itemMeta",
            "<provider qcode='a:b'><name>A</name></provider><provider><name>B</name></provider>",
            "provider (itemMeta/provider): A",
        ),
        ("itemMeta", "<versionCreated>2026</versionCreated>", "version created (itemMeta/versionCreated): 2026"),
        ("itemMeta", "<firstCreated> 2026 </firstCreated>", "first created (itemMeta/firstCreated): 2026"),
        ("itemMeta", "<embargoed>2026</embargoed>", "embargo (itemMeta/embargoed): 2026"),
        ("itemMeta", "<embargoed/>", "embargo (itemMeta/embargoed): "),
        (
            "itemMeta",
            "<embargoed> </embargoed><embargoed>2026</embargoed>",
            "embargo (itemMeta/embargoed): \nfurther embargo (itemMeta/embargoed): 2026",
        ),
        (
            "itemMeta",
            "<pubStatus qcode='stat:canceled'><name>usable</name></pubStatus>",
            "status (itemMeta/pubStatus): stat:canceled",
        ),
        ("itemMeta", "<pubStatus uri='urn:withheld'/>", "status (itemMeta/pubStatus): urn:withheld"),
        ("itemMeta", "<pubStatus>usable</pubStatus>", "status (itemMeta/pubStatus): "),
        (
            "itemMeta",
            "<pubStatus qcode='a'/><pubStatus qcode='b'/>",
            "status (itemMeta/pubStatus): a\nfurther status (itemMeta/pubStatus): b",
        ),
        ("itemMeta", "<title>T</title>", "title (itemMeta/title): T"),
        (
            "itemMeta",
            "<edNote>A<br/>b</edNote><edNote>C</edNote><edNote/>",
            "editor note (itemMeta/edNote): A b\neditor note (itemMeta/edNote): C",
        ),
        ("itemMeta", "<signal qcode='sig:correction'/>", "signal (itemMeta/signal): sig:correction"),
        ("itemMeta", "<role qcode='irole:advisory'/>", "signal (itemMeta/role): irole:advisory"),
        (
            "itemMeta",
            "<expires>2027</expires><expires>2028</expires>",
            "expires (itemMeta/expires): 2027\nfurther expiry (itemMeta/expires): 2028",
        ),
        (
            "itemMeta",
            "<link rel='irel:corrects' residref='urn:a'/>",
            "reference (itemMeta/link): urn:a\nreference relation (itemMeta/link): irel:corrects",
        ),
        (
            "itemMeta",
            "<link href='https://a.example/'><title>A</title></link>",
            "related (itemMeta/link): A\nreference (itemMeta/link): https://a.example/",
        ),
        (
            "itemMeta",
            "<link residref='urn:a' title='A'/>",
            "related (itemMeta/link): A\nreference (itemMeta/link): urn:a",
        ),
        (
            "itemMeta",
            "<link rel='irel:permalink' href='https://a.example/'/>",
            "link (itemMeta/link): https://a.example/",
        ),
        ("itemMeta", "<link rel='irel:seeAlso'/>", ""),
        ("rightsInfo", "<copyrightHolder literal='A'/>", "copyright holder (rightsInfo/copyrightHolder): A"),
        ("rightsInfo", "<copyrightHolder uri='https://a.example/'/>", ""),
        (
            "rightsInfo",
            "<copyrightHolder qcode='a:b'><name>A</name></copyrightHolder>",
            "copyright holder (rightsInfo/copyrightHolder): A",
        ),
        (
            "rightsInfo",
            "<copyrightNotice href='x'>© A</copyrightNotice>",
            "copyright notice (rightsInfo/copyrightNotice): © A",
        ),
        (
            "rightsInfo",
            "<usageTerms>A.</usageTerms><usageTerms>B.</usageTerms>",
            "usage terms (rightsInfo/usageTerms): A. B.",
        ),
        ("contentMeta", "<urgency>3</urgency>", "urgency (contentMeta/urgency): 3"),
        ("contentMeta", "<contentCreated>2026</contentCreated>", "first created (contentMeta/contentCreated): 2026"),
        ("contentMeta", "<contentModified>2026</contentModified>", "modified (contentMeta/contentModified): 2026"),
        (
            "contentMeta",
            "<located qcode='a:b'/><located><name>Farport</name></located>",
            "place (contentMeta/located): Farport",
        ),
        ("contentMeta", "<infoSource literal='A'/>", "source (contentMeta/infoSource): A"),
        (
            "contentMeta",
            "<creator><name>A</name></creator><creator literal='B'/><creator qcode='a:b'/>",
            "author (contentMeta/creator): A\nauthor (contentMeta/creator): B",
        ),
        (
            "contentMeta",
            "<contributor role='ctrol:reporter'><name>A</name></contributor>",
            "author (contentMeta/contributor): A",
        ),
        ("contentMeta", "<contributor><name>A</name></contributor>", "author (contentMeta/contributor): A"),
        ("contentMeta", "<contributor role='ctrol:editor'><name>A</name></contributor>", ""),
        ("contentMeta", "<language tag='de'/><language tag='en'/>", "language (contentMeta/language): de"),
        (
            "contentMeta",
            "<genre qcode='genre:Update'><name>Update</name></genre>",
            "signal (contentMeta/genre): genre:Update\nsignal (contentMeta/genre): Update",
        ),
        ("contentMeta", "<genre literal='Update'/>", "signal (contentMeta/genre): Update"),
        (
            "contentMeta",
            "<keyword>a</keyword><keyword>b c</keyword>",
            "keyword (contentMeta/keyword): a\nkeyword (contentMeta/keyword): b c",
        ),
        (
            "contentMeta",
            "<subject qcode='medtop:1' type='cpnat:abstract'><name>A</name></subject>",
            "subject code (contentMeta/subject): medtop:1\nsubject name (contentMeta/subject): A",
        ),
        (
            "contentMeta",
            "<subject uri='http://a.example/1'/>",
            "subject code (contentMeta/subject): http://a.example/1",
        ),
        ("contentMeta", "<subject literal='A'/><subject/>", "subject name (contentMeta/subject): A"),
        ("contentMeta", "<slugline separator='-'>A-B</slugline>", "slugline (contentMeta/slugline): A-B"),
        (
            "contentMeta",
            "<headline>T</headline><headline>S</headline>",
            "title (contentMeta/headline): T\nsubhead (contentMeta/headline): S",
        ),
        (
            "contentMeta",
            "<headline role='a:sub'>S</headline><headline role='a:main'>T</headline>",
            "title (contentMeta/headline): T\nsubhead (contentMeta/headline): S",
        ),
        (
            "contentMeta",
            "<headline role='a:short'>S</headline><headline>T</headline>",
            "title (contentMeta/headline): T",
        ),
        ("contentMeta", "<headline role='a:short'>S</headline>", "title (contentMeta/headline): S"),
        ("contentMeta", "<dateline>A, B -</dateline>", "dateline (contentMeta/dateline): A, B -"),
        ("contentMeta", "<by>By A</by>", "byline (contentMeta/by): By A"),
        ("contentMeta", "<description role='drol:summary'>A</description>", "summary (contentMeta/description): A"),
        ("contentMeta", "<description>A</description>", "summary (contentMeta/description): A"),
        ("contentMeta", "<description role='drol:caption'>A</description>", ""),
        (
            "contentMeta",
            "<icon href='a.jpg'/>",
            "picture 0 rendition (contentMeta/icon): a.jpg\npicture 0 rendition role (contentMeta/icon): icon",
        ),
        (
            "contentSet",
            "<remoteContent href='a.jpg' contenttype='image/jpeg' rendition='rnd:web' width='1' height='2' size='3'/>",
            "picture 0 rendition (remoteContent): a.jpg\npicture 0 rendition type (remoteContent): image/jpeg\n\
             picture 0 rendition role (remoteContent): rnd:web\npicture 0 rendition width (remoteContent): 1\n\
             picture 0 rendition height (remoteContent): 2\npicture 0 rendition size (remoteContent): 3",
        ),
        (
            "contentSet",
            "<remoteContent residref='urn:a' contenttype='audio/mpeg' duration='9'/>",
            "media (remoteContent): urn:a\nmedia type (remoteContent): audio/mpeg\nmedia duration (remoteContent): 9",
        ),
        (
            "contentSet",
            "<remoteContent href='a' contenttype='audio/mpeg' duration='9' durationunit='timeunit:frames'/>",
            "media (remoteContent): a\nmedia type (remoteContent): audio/mpeg",
        ),
        ("contentSet", "<remoteContent href='a.html' contenttype='text/html'/><remoteContent/>", ""),
        ("contentSet", "<inlineData>a\n\nb</inlineData>", "Plain body (inlineData): a\n\nb"),
        ("contentSet", "<inlineData contenttype='text/html'>&lt;p>a</inlineData>", "Html body (inlineData): <p>a"),
        ("contentSet", "<inlineData encoding='a:base64'>AAAA</inlineData>", ""),
        (
            "contentSet",
            "<inlineXML><html xmlns='http://www.w3.org/1999/xhtml'><body>a</body></html></inlineXML>",
            "Html body (inlineXML): a",
        ),
        (
            "contentSet",
            "<inlineXML contenttype='text/html'><p>a</p><P CLASS='b'>c<BR/></P></inlineXML>",
            "Html body (inlineXML): <p>a</p><p CLASS=\"b\">c<br></p>",
        ),
        ("contentSet", "<inlineXML><x:y xmlns:x='urn:x'>a</x:y></inlineXML>", ""),
        (
            "contentSet",
            "<inlineXML><nitf><body><body.content><p>a</p></body.content></body></nitf></inlineXML>",
            "Html body (body.content): <p>a</p>",
        ),
    ] {
        assert_eq!(facts_of(&format!("<{part}>{content}</{part}>")), expected, "{content}");
    }
}

#[test]
fn kind_is_that_of_the_class() {
    for (content, kind) in [
        ("", Kind::Text),
        ("<itemClass qcode='ninat:text'/>", Kind::Text),
        ("<itemClass qcode='own:story'/>", Kind::Text),
        ("<itemClass qcode='ninat:picture'/>", Kind::Picture),
        ("<itemClass uri='http://cv.iptc.org/newscodes/ninature/picture'/>", Kind::Picture),
        ("<itemClass qcode='ninat:video'/>", Kind::Other),
        ("<itemClass qcode='ninat:composite'/>", Kind::Other),
    ] {
        let items = read(&format!("<newsItem><itemMeta>{content}</itemMeta></newsItem>")).expect(content);
        assert_eq!(items[0].kind, kind, "{content}");
        let items = read(&format!("<packageItem><itemMeta>{content}</itemMeta></packageItem>")).expect(content);
        assert_eq!(items[0].kind, Kind::Package, "{content}");
    }
}

#[test]
fn envelope_comes_before_inline_document() {
    let document = "<contentSet><inlineXML><nitf><head><docdata management-status='embargoed'><date.release norm='2030'/>\
        <date.expire norm='2031'/><doc-id id-string='inner'/><urgency ed-urg='2'/></docdata></head><body><body.head><hedline>\
        <hl1>Inner</hl1></hedline></body.head></body></nitf></inlineXML></contentSet>";
    assert_eq!(
        facts_of(document),
        "status (docdata/management-status): embargoed\nembargo (docdata/date.release): 2030\n\
         expires (docdata/date.expire): 2031\ntitle (hedline/hl1): Inner\nurgency (docdata/urgency): 2"
    );
    let envelope = "<itemMeta><embargoed>2029</embargoed><pubStatus qcode='stat:usable'/><expires>2032</expires></itemMeta>\
        <contentMeta><urgency>3</urgency><headline>Outer</headline></contentMeta>";
    assert_eq!(
        facts_of(&format!("{document}{envelope}")),
        "status (itemMeta/pubStatus): stat:usable\nembargo (itemMeta/embargoed): 2029\nexpires (itemMeta/expires): 2032\n\
         title (contentMeta/headline): Outer\nurgency (contentMeta/urgency): 3\n\
         further status (docdata/management-status): embargoed\nfurther embargo (docdata/date.release): 2030\n\
         further expiry (docdata/date.expire): 2031"
    );
}
