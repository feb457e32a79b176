//! Where the log tells of a release.

use chandlery_package::log::TILE_WIDTH;

/// The path of the entries of the log up to this one, as C2SP tlog-tiles has it: the last of them is the one.
pub(super) fn path(index: u64) -> String {
    let (mut tile, width) = (index / TILE_WIDTH, index % TILE_WIDTH + 1);
    let mut path = format!("{:03}", tile % 1000);
    tile /= 1000;
    while tile > 0 {
        path = format!("x{:03}/{path}", tile % 1000);
        tile /= 1000;
    }
    match width == TILE_WIDTH {
        true => format!("/log/tile/entries/{path}"),
        false => format!("/log/tile/entries/{path}.p/{width}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_the_last_of_its_tile() {
        for (index, expected) in [
            (0, "000.p/1"),
            (254, "000.p/255"),
            (255, "000"),
            (256, "001.p/1"),
            (256_000, "x001/000.p/1"),
            (316_049_407, "x001/x234/567"),
        ] {
            assert_eq!(path(index), format!("/log/tile/entries/{expected}"), "{index}");
        }
    }
}
