//! From a typed template to a subject and two bodies.

/// A mail as it is stored: nothing in it depends on when or how often it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line without control characters, at most [`SUBJECT_CHARS`] characters.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part, every value escaped.
    pub html: String,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered { .. }") // it may hold a login code
    }
}

/// The longest subject, in characters; names that users choose are shorter, so that cutting is the exception.
pub const SUBJECT_CHARS: usize = 200;

/// The subject within its bounds. What went into it is clean already.
pub(super) fn subject(text: &str) -> String {
    text.chars().take(SUBJECT_CHARS).collect()
}

/// The one list of mails: the kind whose payload it tells (the mails that tell of none have no braces), `template_id`, class,
/// the two files (named after the id; the derive takes only literals), what it knows with where that is from, subject, and
/// the button: what it says and the path below `BACKEND_PUBLIC_URL`.
macro_rules! templates {
    ($($(#[$doc:meta])* $variant:ident $({ $($told:tt)* } with $known:ident)? = $id:literal, $class:ident,
        [$text:literal, $html:literal],
        $({ $($(#[$field_doc:meta])+ $field:ident: $type:ty = $value:expr,)+ },)?
        |$m:ident, $v:ident| $subject:expr, |$a:ident| $action:expr;)+) => {
        $($(
            #[doc = concat!("What the mail `", $id, "` says.")]
            #[derive(Clone, Debug)]
            pub struct $variant {
                $($(#[$field_doc])+ pub $field: $type,)+
            }
        )?)+

        /// A mail that can be written, with all it says. Its `template_id` is the catalogue kind (SPEC §13).
        #[derive(Clone, Debug)]
        pub enum Template {
            $($(#[$doc])* $variant($variant),)+
        }

        impl Template {
            /// Every `template_id` of this build. The table may hold older and newer ones.
            pub const IDS: &[&str] = &[$($id),+];

            /// The mail that tells of a notification; `None` for a kind that is not mailed.
            #[must_use]
            pub fn of(payload: Payload, known: &Known) -> Option<Self> {
                match payload {
                    $($(Payload::$variant { $($told)* } => {
                        let $known = known;
                        Some(Self::$variant($variant { $($field: $value),+ }))
                    })?)+
                    _ => None,
                }
            }

            /// As `mail_deliveries.template_id` holds it.
            #[must_use]
            pub const fn id(&self) -> &'static str {
                match self { $(Self::$variant(_) => $id,)+ }
            }

            /// What the reader gets it for.
            #[must_use]
            pub const fn class(&self) -> Class {
                match self { $(Self::$variant(_) => Class::$class,)+ }
            }

            /// The class of a stored mail; `None` for a `template_id` that this build does not know, which is still sent.
            #[must_use]
            pub fn class_of(template_id: &str) -> Option<Class> {
                match template_id { $($id => Some(Class::$class),)+ _ => None }
            }

            /// Writes the mail for a reader.
            ///
            /// # Errors
            /// The template engine's; no template of ours can fail on any value.
            pub fn render(&self, v: &View<'_>) -> Result<Rendered, askama::Error> {
                match self {
                    $(Self::$variant(m) => {
                        #[derive(askama::Template)]
                        #[template(path = $text)]
                        struct Text<'a> { m: &'a $variant, v: &'a View<'a>, action: Option<Action> }
                        #[derive(askama::Template)]
                        #[template(path = $html)]
                        struct Html<'a> { m: &'a $variant, v: &'a View<'a>, action: Option<Action> }
                        let link = |$a: &$variant| -> Option<(&'static str, String)> { $action };
                        let action = link(m).and_then(|link| v.action(link));
                        let subject = |$m: &$variant, $v: &View<'_>| $subject;
                        Ok(Rendered {
                            subject: $crate::mail::render::subject(&subject(m, v)),
                            text: askama::Template::render(&Text { m, v, action: action.clone() })?,
                            html: askama::Template::render(&Html { m, v, action })?,
                        })
                    })+
                }
            }
        }
    };
}
pub(super) use templates;
