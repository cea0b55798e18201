fn main(){ let t=std::io::read_to_string(std::io::stdin()).unwrap(); match evenkeel::config::Config::parse(&t,"bad.toml"){Ok(c)=>println!("OK\n{}",c.effective_toml()),Err(e)=>println!("{e}")} }
