//! Data files of Eleventy in JSON: what they state about the articles of their folder, or about one article. Only statements about
//! publication and access count, as in `cascade`.

use super::draft::Draft;
use super::parsed::Parsed;
use super::{agency, bundle, fields, front_matter, lifecycle};
use crate::diagnostics::Code;

/// Parses a data file like the page of a section.
pub(super) fn read(mut draft: Draft<'_>) -> Parsed {
    let source = draft.source();
    if agency::is_json_item(source.text) {
        let message =
            "this is an agency's item, but a JSON file with the name of its folder is a data file of Eleventy";
        draft.report(Code::FrontMatter, 0..0, message, "rename the file");
        return draft.refuse(false);
    }
    match front_matter::yaml_keys(source.text) {
        Ok(keys) => {
            let articles = bundle::articles_of_data_file(source.path, &source.options.root);
            draft.add_cascade(articles.as_deref(), |below| fields::apply(below, &keys));
            draft.set_title(source.path.stem(), 0..0, "file name");
            draft.finish()
        }
        Err(refusal) => {
            let withholds = lifecycle::withholds(source.text);
            draft.refuse_front_matter(refusal, withholds)
        }
    }
}
