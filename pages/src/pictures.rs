//! Pictures that others have made: an icon beside a title, and what something looks like. Each has its size, so that nothing moves when it
//! arrives.

use maud::{Markup, html};

/// A picture, and what it shows.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Where it is.
    pub path: &'a str,
    /// What it shows, for those too who do not see it.
    pub caption: &'a str,
    /// How wide it is, in pixels.
    pub width: u32,
    /// How high it is, in pixels.
    pub height: u32,
}

/// A title with the icon at this path, if there is one. It is not read out: the title says what it stands for.
pub fn titled(icon: Option<&str>, title: &Markup) -> Markup {
    html! {
        @match icon {
            Some(path) => {
                div.titled { img.icon src=(path) alt="" width="48" height="48" loading="lazy"; (title) }
            }
            None => { (title) }
        }
    }
}

/// Pictures beside each other, each of which leads to itself; nothing where there are none. `label` says of what they are.
pub fn pictures(label: &str, pictures: &[Picture<'_>]) -> Markup {
    html! {
        @if !pictures.is_empty() {
            ul.pictures aria-label=(label) {
                @for picture in pictures {
                    li { figure {
                        a href=(picture.path) title="Show it in full size" {
                            img src=(picture.path) alt=(picture.caption) width=(picture.width) height=(picture.height) loading="lazy";
                        }
                        figcaption.note { (picture.caption) }
                    } }
                }
            }
        }
    }
}
