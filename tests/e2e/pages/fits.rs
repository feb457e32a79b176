//! Pages of visitors and of publishers on a phone and on a desk: none is wider than its window.

use crate::chromium::Chromium;
use crate::world::{World, plugin};

const OCR: &str = "/plugins/acme/ocr-server";

#[test]
fn pages_fit_a_phone_and_a_desk() {
    let mut world = World::with_limits();
    world.restart_registry_with(&["--styleguide".to_owned()]);
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    let cookie = world.session(&acme);
    for width in [320, 1280] {
        let browser = Chromium::of_width(width, &world.origin());
        let of_visitors = [
            "/",
            "/search?q=ocr",
            OCR,
            "/publishers/acme",
            "/pricing",
            "/consultants",
            "/docs",
            "/docs/tutorials/publish",
            "/docs/errors",
            "/docs/search?q=plugin",
            "/register",
            "/login",
            "/none",
            "/styleguide",
        ];
        let of_acme = [
            "/",
            "/welcome",
            "/account",
            "/account/email",
            "/account/sessions",
            "/dashboard/acme",
            "/organisations",
            "/subscription",
            "/checkout/subscription?tier=team&billed=yearly",
            "/orders",
            "/invoices",
            "/billing",
            "/spend",
            "/hosts",
        ];
        let fits = |path: &str| {
            browser.open(path);
            let wide = browser.run("arguments[0](document.documentElement.scrollWidth)");
            assert!(wide.as_i64().unwrap() <= i64::from(width), "{path} is {wide} pixels wide at {width}");
            let styled = browser
                .run("arguments[0](getComputedStyle(document.body).getPropertyValue('--page').trim())");
            assert_eq!(styled, "66rem", "{path} has its style sheet");
        };
        of_visitors.into_iter().for_each(fits);
        browser.open("/");
        browser.keep(&cookie);
        of_acme.into_iter().for_each(fits);
    }
}
