//! Real memory of a real process, judged by an image of it.

mod heap;
mod image;
mod mappings;
mod world;

fn main() {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let tests = heap::TESTS
        .iter()
        .chain(mappings::TESTS)
        .chain(image::TESTS);
    let mut run = 0;
    for (name, test) in tests {
        if filter
            .as_ref()
            .is_none_or(|filter| name.contains(filter.as_str()))
        {
            println!("test {name} ...");
            test();
            run += 1;
        }
    }
    println!("{run} passed");
}
