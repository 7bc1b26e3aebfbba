use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use std::io;

use rustix::fs::FileType;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn nothing_outside_root_is_reached(script in prop::collection::vec(any::<u8>(), 0..72)) {
        trees::check(&script);
    }
}

/// Each row: the target of a link, and the real path of the file that it opens, or why it is refused.
#[test]
fn links_are_followed_beneath_root_only() {
    let around = tempfile::tempdir().expect("a folder");
    let around = fs::canonicalize(around.path()).expect("there");
    for folder in ["real/news/deep", "real/..data", "real-not", "outside"] {
        fs::create_dir_all(around.join(folder)).expect("made");
    }
    symlink("real", around.join("content")).expect("linked");
    for file in ["real/a.md", "real/news/b.md", "real/..data/k.md", "real-not/a.md", "outside/s.md"] {
        fs::write(around.join(file), file).expect("written");
    }
    let root = Root::new(&around.join("content"), "content");
    let here = around.display().to_string();
    for (link, expected) in [
        ("a.md", "a.md"),
        ("./news//../a.md", "a.md"),
        ("news/b.md", "news/b.md"),
        ("..data/k.md", "..data/k.md"),
        ("news/b.md/", "not a folder"),
        ("news", "not a file"),
        ("no.md", "missing"),
        ("news/no.md", "missing"),
        ("a.md/b.md", "not a folder"),
        ("link", "too many links"),
        // The real path, the configured path, and paths that leave the root and come back.
        (&format!("{here}/real/a.md"), "a.md"),
        (&format!("{here}/content/a.md"), "a.md"),
        (&format!("{here}//./content/news/../a.md"), "a.md"),
        ("../real/news/b.md", "news/b.md"),
        ("../content/news/b.md", "news/b.md"),
        ("news/deep/../../../content/a.md", "a.md"),
        (&format!("{here}/outside/../content/a.md"), "outside"),
        (&format!("{here}/outside/s.md"), "outside"),
        (&format!("{here}/real-not/a.md"), "outside"),
        ("../real-not/a.md", "outside"),
        ("../outside/s.md", "outside"),
        ("/etc/passwd", "outside"),
        ("/", "outside"),
        ("..", "outside"),
        ("/proc/self/root/etc/passwd", "outside"),
        ("/proc/self/cwd", "outside"),
    ] {
        let place = around.join("real/link");
        symlink(link, &place).expect("linked");
        for root_dir in [root.open().expect("opens"), root.open().expect("opens").without_openat2()] {
            let opened = root_dir.open_file("link").and_then(|_| root_dir.real_path("link", &mut Vec::new()));
            let opened = match opened {
                Ok(path) => path.display().to_string(),
                Err(error) if is_outside(&error) => "outside".to_owned(),
                Err(error) if is_link(&error) => "too many links".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => "missing".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => "not a folder".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => "not a file".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(
                opened,
                expected,
                "{link}, {}",
                if root_dir.avoids_openat2() { "walked" } else { "by the kernel" }
            );
            let refused = root_dir.stat("link", Links::Refuse).map(drop).expect_err("a link");
            assert!(is_link(&refused), "{link}: {refused}");
        }
        fs::remove_file(&place).expect("there");
    }
}

#[test]
fn more_than_forty_links_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("0"), "text").expect("written");
    for number in 1..=41 {
        symlink((number - 1).to_string(), folder.path().join(number.to_string())).expect("linked");
    }
    let root = Root::new(folder.path(), "content");
    for root_dir in [root.open().expect("opens"), root.open().expect("opens").without_openat2()] {
        assert!(root_dir.open_file("40").is_ok());
        assert!(is_link(&root_dir.open_file("41").map(drop).expect_err("too many")));
    }
}

#[test]
fn paths_that_leave_root_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::new(&folder.path().join("content"), "content");
    fs::create_dir_all(folder.path().join("content/news")).expect("made");
    fs::write(folder.path().join("secret"), "text").expect("written");
    let root_again = Root::new(&folder.path().join("content"), "content");
    for root in [&root, &root_again] {
        for root_dir in [root.open().expect("opens"), root.open().expect("opens").without_openat2()] {
            for path in ["../secret", "news/../../secret", "/etc/passwd", "..", "news/.."] {
                assert!(is_outside(&root_dir.stat(path, Links::Follow).map(drop).expect_err("refused")), "{path}");
            }
            let long = "a/".repeat(2_100);
            assert!(root_dir.stat(&long, Links::Follow).is_err());
            assert!(root_dir.stat("a\0b", Links::Follow).is_err());
            assert!(root_dir.stat("", Links::Refuse).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()));
        }
    }
}

/// A link that replaces a file between two system calls is refused.
#[test]
fn swapped_link_never_opens_outside_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let content = folder.path().join("content");
    fs::create_dir_all(content.join("news")).expect("made");
    fs::create_dir_all(folder.path().join("away")).expect("made");
    fs::write(folder.path().join("away/a.jpg"), "secret").expect("written");
    fs::write(content.join("news/a.jpg"), "public").expect("written");
    let root = Root::new(&content, "content");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(relaxed) {
                // A link replaces the file, then the folder around it.
                fs::rename(content.join("news/a.jpg"), content.join("news/b")).expect("renamed");
                symlink(folder.path().join("away/a.jpg"), content.join("news/a.jpg")).expect("linked");
                fs::rename(content.join("news/b"), content.join("news/a.jpg")).expect("renamed");
                fs::rename(content.join("news"), content.join("olds")).expect("renamed");
                symlink("../away", content.join("news")).expect("linked");
                fs::remove_file(content.join("news")).expect("removed");
                fs::rename(content.join("olds"), content.join("news")).expect("renamed");
            }
        });
        let (mut opened, mut leaked) = (0, 0);
        for round in 0..3_000 {
            let root_dir = root.open().expect("opens");
            let root_dir = if round % 2 == 0 { root_dir } else { root_dir.without_openat2() };
            if let Ok((file, _)) = root_dir.open_file("news/a.jpg") {
                opened += 1;
                leaked += usize::from(!io::read_to_string(file).is_ok_and(|text| text == "public"));
            }
        }
        stop.store(true, relaxed);
        assert!(opened > 0 && leaked == 0, "{leaked} of {opened}");
    });
}
