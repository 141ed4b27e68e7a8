//! The recipes of `docs/CONTRIBUTING.md` name every place that a change of their kind touches. That the places exist, the
//! tests of paths, links and sections hold.

/// The recipes by the words that they begin with, and what each must name.
const RECIPES: [(&str, &[&str]); 8] = [
    (
        "An operation of the REST contract.",
        &[
            "`api-server/src/http/admin/`",
            "`api-server/src/http/internal/`",
            "`api-server/src/http/public/`",
            "`api-server/src/http/user/`",
            "`operations()`",
            "`api-server/tests/it/served.rs`",
            "`api-server/src/http/objects/`",
            "`api-server/src/use_cases/`",
            "`shared/src/db/`",
            "`api-server/src/refusal/codes.rs`",
            "`api-server/src/http/document/examples.json`",
            "`cargo xtask gen`",
        ],
    ),
    (
        "A kind of notification.",
        &[
            "section 13 of the specification",
            "`shared/src/domain/notification/catalogue.rs`",
            "`shared/templates/mail/`",
            "`shared/src/mail/kinds.rs`",
            "(mail.md)",
            "`cargo xtask gen`",
            "`shared/schema/notification.fbs`",
            "(events.md)",
            "`deploy/typescript/`",
            "`notify-worker/tests/it/catalogue.rs`",
        ],
    ),
    (
        "A queue.",
        &[
            "(../migrations/README.md)",
            "`migrations/src/roles/grants.rs`",
            "`shared/src/db/queues.rs`",
            "`shared/src/queue/wake/mod.rs`",
            "`impl Queue`",
            "`api-server/src/http/document/words.rs`",
            "`QUEUES` of `deploy/e2e/tests/it/metrics.rs`",
            "(metrics.md)",
        ],
    ),
    (
        "A setting.",
        &[
            "`runtime-controller/src/config/mod.rs`",
            "`shared/src/config/groups.rs`",
            "`shared/src/config/credentials.rs`",
            "`deploy/gen/src/main.rs`",
            "section 16 of [specification.md]",
            "`cargo xtask gen`",
            "(configuration.md)",
        ],
    ),
    (
        "A metric.",
        &[
            "`runtime-controller/src/metrics.rs`",
            "(metrics.md)",
            "`deploy/e2e/tests/it/metrics.rs`",
            "`deploy/grafana/dashboards`",
            "`deploy/prometheus/rules`",
        ],
    ),
    (
        "A migration.",
        &["(../migrations/README.md)", "`migrations/sql/`", "`migrations/src/roles/grants.rs`", "`cargo xtask gen`"],
    ),
    (
        "An engine driver.",
        &[
            "`runtime-controller/src/driver/docker/`",
            "`runtime-controller/src/driver/mod.rs`",
            "`shared/src/config/groups.rs`",
            "`runtime-controller/src/lib.rs`",
            "`runtime-controller/tests/it/drivers.rs`",
            "section 16 of the specification",
            "(containers.md)",
        ],
    ),
    (
        "A page of the console.",
        &[
            "(console.md)",
            "`deploy/console/src/pages/`",
            "`deploy/console/src/routes.tsx`",
            "`deploy/console/public/pages.txt`",
            "`deploy/console/src/shell/sections.ts`",
            "`deploy/console/src/ui/action.tsx`",
            "`deploy/console/journeys/operations.mjs`",
            "`deploy/console/journeys/screens.mjs`",
            "`cargo xtask screenshots`",
        ],
    ),
];

#[test]
fn every_recipe_names_its_places() {
    let left_out = left_out(&page());
    assert!(left_out.is_empty(), "docs/CONTRIBUTING.md: {left_out:#?}");
}

fn page() -> String {
    std::fs::read_to_string(testkit::workspace_root().join("docs/CONTRIBUTING.md")).unwrap()
}

/// What the recipes of the page leave out.
fn left_out(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (title, places) in RECIPES {
        match recipe(page, title) {
            Some(text) => {
                // A name may stand on two lines.
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let missing = places.iter().filter(|place| !text.contains(*place));
                found.extend(missing.map(|place| format!("{title} leaves out {place}")));
            }
            None => found.push(format!("{title} is no recipe")),
        }
    }
    found
}

/// A recipe's text: from its bold words to those of the next.
fn recipe<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n**{title}**"))?;
    rest.split("\n**").next()
}

#[test]
fn a_recipe_that_leaves_a_place_out_is_found() {
    let page = page();
    for (title, places) in RECIPES {
        let text = recipe(&page, title).unwrap();
        for &place in places {
            // Where a name is broken in two lines, its first word is enough.
            let word = if text.contains(place) { place } else { place.split(' ').next().unwrap() };
            let planted = page.replace(text, &text.replace(word, "somewhere"));
            assert!(left_out(&planted).contains(&format!("{title} leaves out {place}")), "{place}");
        }
        let renamed = page.replace(&format!("**{title}**"), "**Something else.**");
        assert_eq!(left_out(&renamed), [format!("{title} is no recipe")]);
    }
}
