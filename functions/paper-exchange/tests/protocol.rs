//! The exchange speaks Binance's protocol: shapes, errors, fields.

mod world;

use world::{World, candle, flat};

const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=99";

#[tokio::test]
async fn the_four_shapes_in_which_clients_send_an_order_are_accepted() {
    let world = World::open().await;
    let client = world.client("{}").await;
    let now = world.deps.clock.now().ms();
    // ccxt and python-binance: form body; the official clients: query; the official Rust one sorts.
    client.send("POST", "/api/v3/order", "", &client.signed(LIMIT)).await.ok();
    client.send("POST", "/api/v3/order", &client.signed(LIMIT), "").await.ok();
    let sorted = format!(
        "price=99&quantity=0.1&recvWindow=10000&side=BUY&symbol=BTCUSDT&timeInForce=GTC&timestamp={now}&type=LIMIT"
    );
    client.send("POST", "/api/v3/order", &format!("{sorted}&signature={}", client.sign(&sorted)), "").await.ok();
    // A mix of both, signed as query directly followed by body.
    let (query, body) =
        ("symbol=BTCUSDT&side=BUY&type=LIMIT", format!("timeInForce=GTC&quantity=0.1&price=99.0&timestamp={now}"));
    let signature = client.sign(&format!("{query}{body}")).to_uppercase();
    client.send("POST", "/api/v3/order", query, &format!("{body}&signature={signature}")).await.ok();
    // DELETE with a body (python-binance).
    client.send("DELETE", "/api/v3/order", "", &client.signed("symbol=BTCUSDT&orderId=1")).await.ok();
    assert_eq!(client.open_orders().await, 3);
}

#[tokio::test]
async fn a_request_must_be_signed_by_a_known_key_and_be_fresh() {
    let world = World::open().await;
    let (client, other) = (world.client("{}").await, world.client("{}").await);
    let path = "/api/v3/account";
    let good = client.signed("");
    client.send("GET", path, &good, "").await.ok();
    other.send("GET", path, &good, "").await.refused(-1022, "Signature for this request is not valid.");
    client
        .send("GET", path, &good.replace("timestamp=17", "timestamp=018"), "")
        .await
        .refused(-1022, "Signature for this request is not valid.");
    client
        .send("GET", path, "timestamp=1700000000000", "")
        .await
        .refused(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.");
    client
        .send("GET", path, &format!("signature={}", client.sign("")), "")
        .await
        .refused(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.");
    let no_key = world.public(&format!("{path}?{good}")).await;
    assert_eq!(no_key.status, 401);
    no_key.refused(-2014, "API-key format invalid.");
    let mut unknown = world.client("{}").await;
    unknown.key = "a".repeat(64);
    let refused = unknown.get(path, "").await;
    assert_eq!(refused.status, 401);
    refused.refused(-2015, "Invalid API-key, IP, or permissions for action.");
    world.clock.advance_ms(5_001);
    client
        .send("GET", path, &good, "")
        .await
        .refused(-1021, "Timestamp for this request is outside of the recvWindow.");
    let ahead = format!("timestamp={}", world.deps.clock.now().ms() + 1_000);
    client
        .send("GET", path, &format!("{ahead}&signature={}", client.sign(&ahead)), "")
        .await
        .refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.");
}

#[tokio::test]
async fn bad_orders_get_binances_codes_and_texts() {
    let world = World::open().await;
    let client = world.client(r#"{"balances": {"USDT": "1000", "BTC": "1"}}"#).await;
    let check = async |parameters: &str, code: i64, text: &str| client.order(parameters).await.refused(code, text);
    let mandatory = |name: &str| format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
    let range = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";
    check("type=MARKET&quantity=1", -1102, &mandatory("side")).await;
    check("side=BUY&quantity=1", -1102, &mandatory("type")).await;
    check("side=HOLD&type=MARKET&quantity=1", -1117, "Invalid side.").await;
    check("side=BUY&type=GUESS&quantity=1", -1116, "Invalid orderType.").await;
    check("side=BUY&type=LIMIT&timeInForce=GTX&quantity=1&price=99", -1115, "Invalid timeInForce.").await;
    check("side=BUY&type=LIMIT&quantity=1&price=99", -1102, &mandatory("timeInForce")).await;
    check("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1", -1102, &mandatory("price")).await;
    check("side=BUY&type=LIMIT&timeInForce=GTC&price=99", -1102, &mandatory("quantity")).await;
    check("side=BUY&type=MARKET", -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        .await;
    check("side=BUY&type=MARKET&quantity=1&quoteOrderQty=9", -1128, "Combination of optional parameters invalid.")
        .await;
    check("side=BUY&type=MARKET&quantity=1&price=99", -1106, "Parameter 'price' sent when not required.").await;
    check("side=BUY&type=MARKET&quantity=1&timeInForce=GTC", -1106, "Parameter 'timeInForce' sent when not required.")
        .await;
    check("side=BUY&type=MARKET&quantity=1&stopPrice=9", -1106, "Parameter 'stopPrice' sent when not required.").await;
    check(
        "side=BUY&type=MARKET&quantity=1e-05",
        -1100,
        &format!("Illegal characters found in parameter 'quantity'; legal range is '{range}'."),
    )
    .await;
    check(
        "side=BUY&type=MARKET&quantity=-1",
        -1100,
        &format!("Illegal characters found in parameter 'quantity'; legal range is '{range}'."),
    )
    .await;
    check("side=BUY&type=MARKET&quantity=0.000000001", -1111, "Parameter 'quantity' has too much precision.").await;
    check("side=BUY&type=MARKET&quantity=99999999999999999999", -1108, "Parameter 'quantity' overflowed.").await;
    check("side=BUY&type=MARKET&quantity=", -1105, "Parameter 'quantity' was empty.").await;
    check(
        "side=BUY&type=MARKET&quantity=1&newOrderRespType=ALL",
        -1130,
        "Data sent for parameter 'newOrderRespType' is not valid.",
    )
    .await;
    check(
        "side=BUY&type=MARKET&quantity=1&selfTradePreventionMode=NONE",
        -1130,
        "Data sent for parameter 'selfTradePreventionMode' is not valid.",
    )
    .await;
    check(
        "side=BUY&type=MARKET&quantity=1&reduceOnly=true",
        -1104,
        "Not all sent parameters were read; read '6' parameter(s) but was sent '7'.",
    )
    .await;
    check(
        "side=BUY&type=MARKET&quantity=1&newClientOrderId=a%20b",
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    )
    .await;
    check("side=BUY&type=MARKET&quantity=1&side=SELL", -1101, "Duplicate values for a parameter detected.").await;
    check(
        "side=SELL&type=STOP_LOSS&quantity=1&stopPrice=90",
        -2010,
        "Stop loss orders are not supported for this symbol.",
    )
    .await;
    check("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99.001", -1013, "Filter failure: PRICE_FILTER").await;
    check("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0", -1013, "Filter failure: PRICE_FILTER").await;
    check("side=BUY&type=MARKET&quantity=0.000001", -1013, "Filter failure: LOT_SIZE").await;
    check("side=BUY&type=MARKET&quantity=0.01", -1013, "Filter failure: NOTIONAL").await;
    check("side=BUY&type=MARKET&quantity=11", -2010, "Account has insufficient balance for requested action.").await;
    check(
        "side=SELL&type=LIMIT&timeInForce=GTC&quantity=1.1&price=200",
        -2010,
        "Account has insufficient balance for requested action.",
    )
    .await;
    check("side=BUY&type=LIMIT_MAKER&quantity=1&price=101", -2010, "Order would immediately match and take.").await;
    let elsewhere = client
        .send("POST", "/api/v3/order", &client.signed("symbol=DOGEUSDT&side=BUY&type=MARKET&quantity=1"), "")
        .await;
    elsewhere.refused(-1121, "Invalid symbol.");
    assert_eq!(client.balance("USDT").await, ("1000.00000000".into(), "0.00000000".into()));
    assert_eq!(client.open_orders().await, 0);
}

#[tokio::test]
async fn orders_are_shown_found_and_cancelled_by_either_id() {
    let world = World::open().await;
    let client = world.client("{}").await;
    let placed =
        client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=99&newClientOrderId=first").await.ok();
    assert_eq!(placed["status"], "NEW");
    assert_eq!(
        (&placed["orderId"], &placed["origQty"], &placed["fills"]),
        (&1.into(), &"0.10000000".into(), &serde_json::json!([]))
    );
    assert_eq!(client.balance("USDT").await, ("9990.10000000".into(), "9.90000000".into()));
    client
        .order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=98&newClientOrderId=first")
        .await
        .refused(-2010, "Duplicate order sent.");
    assert_eq!(client.show("origClientOrderId=first").await, client.show("orderId=1").await);
    client
        .get("/api/v3/order", "symbol=BTCUSDT&orderId=1&origClientOrderId=other")
        .await
        .refused(-2039, "Client order ID is not correct for this order ID.");
    client.get("/api/v3/order", "symbol=BTCUSDT&orderId=2").await.refused(-2013, "Order does not exist.");
    client
        .get("/api/v3/order", "symbol=BTCUSDT")
        .await
        .refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!");
    client.cancel("origClientOrderId=nobody").await.refused(-2011, "Unknown order sent.");
    let cancelled = client.cancel("origClientOrderId=first&newClientOrderId=bye").await.ok();
    assert_eq!(
        (&cancelled["status"], &cancelled["clientOrderId"], &cancelled["origClientOrderId"]),
        (&"CANCELED".into(), &"bye".into(), &"first".into())
    );
    client.cancel("orderId=1").await.refused(-2011, "Unknown order sent.");
    assert_eq!(client.balance("USDT").await, ("10000.00000000".into(), "0.00000000".into()));
    // The id is free again.
    client.order("side=BUY&type=LIMIT_MAKER&quantity=0.1&price=98&newClientOrderId=first").await.ok();
    assert_eq!(client.show("origClientOrderId=first").await["orderId"], 2);
    let all = client.get("/api/v3/allOrders", "symbol=BTCUSDT").await.ok();
    let states: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["orderId"].as_u64().unwrap(), o["status"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [(1, "CANCELED"), (2, "NEW")]);
}

#[tokio::test]
async fn another_accounts_orders_are_not_there() {
    let world = World::open().await;
    let (owner, other) = (world.client("{}").await, world.client("{}").await);
    owner.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=99&newClientOrderId=mine").await.ok();
    other.get("/api/v3/order", "symbol=BTCUSDT&origClientOrderId=mine").await.refused(-2013, "Order does not exist.");
    other.cancel("orderId=1").await.refused(-2011, "Unknown order sent.");
    assert_eq!((owner.open_orders().await, other.open_orders().await), (1, 0));
}

#[tokio::test]
async fn a_market_order_is_new_at_once_and_filled_by_the_next_candle() {
    let world = World::open().await;
    let client = world.client("{}").await;
    let placed = client.order("side=BUY&type=MARKET&quantity=0.5").await.ok();
    assert_eq!((&placed["status"], &placed["executedQty"]), (&"NEW".into(), &"0.00000000".into()));
    world.clock.advance_ms(60_000);
    world.apply(flat(2, "101")).await;
    let filled = client.show("orderId=1").await;
    assert_eq!((&filled["status"], &filled["cummulativeQuoteQty"]), (&"FILLED".into(), &"50.50500000".into()));
    assert_eq!(filled["time"], 1_700_000_000_000_i64);
    assert_eq!(filled["updateTime"], 1_700_000_060_000_i64);
    let trades = client.trades("&orderId=1").await;
    assert_eq!(trades.len(), 1);
    let trade = &trades[0];
    assert_eq!((&trade["commission"], &trade["commissionAsset"]), (&"0.00050000".into(), &"BTC".into()));
    assert_eq!((&trade["time"], &trade["isMaker"], &trade["id"]), (&120_000.into(), &false.into(), &1.into()));
    assert_eq!(client.balance("BTC").await, ("0.49950000".into(), "0.00000000".into()));
    assert_eq!(client.trades("&fromId=2").await.len(), 0);
    assert_eq!(client.trades("&fromId=1&limit=1").await.len(), 1);
    client
        .get("/api/v3/myTrades", "symbol=BTCUSDT&fromId=1&startTime=1")
        .await
        .refused(-1128, "Combination of optional parameters invalid.");
    client
        .get("/api/v3/myTrades", "symbol=BTCUSDT&startTime=1&endTime=86400002")
        .await
        .refused(-1127, "More than 24 hours between startTime and endTime.");
}

#[tokio::test]
async fn the_market_is_shown_as_it_stands() {
    let world = World::open().await;
    world.apply(candle(2, "100", "110", "95", "105", "10")).await;
    assert_eq!(world.public("/api/v3/ping").await.ok(), serde_json::json!({}));
    assert_eq!(world.public("/api/v3/time").await.ok()["serverTime"], 1_700_000_000_000_i64);
    assert_eq!(
        world.public("/api/v3/ticker/price?symbol=BTCUSDT").await.ok(),
        serde_json::json!({"symbol": "BTCUSDT", "price": "105.00000000"})
    );
    assert_eq!(world.public("/api/v3/ticker/price").await.ok().as_array().unwrap().len(), 1);
    let ticker = world.public("/api/v3/ticker/bookTicker?symbol=BTCUSDT").await.ok();
    assert_eq!(
        (&ticker["bidPrice"], &ticker["askPrice"], &ticker["askQty"]),
        (&"104.99000000".into(), &"105.01000000".into(), &"0.10000000".into())
    );
    let depth = world.public("/api/v3/depth?symbol=BTCUSDT&limit=2").await.ok();
    assert_eq!(depth["bids"], serde_json::json!([["104.99000000", "0.10000000"], ["104.98000000", "0.10000000"]]));
    let klines = world.public("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1").await.ok();
    let row = klines[0].as_array().unwrap();
    assert_eq!(
        (row[0].as_i64(), row[2].as_str(), row[6].as_i64()),
        (Some(120_000), Some("110.00000000"), Some(179_999))
    );
    world.public("/api/v3/klines?symbol=BTCUSDT&interval=7m").await.refused(-1120, "Invalid interval.");
    let info = world.public("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D").await.ok();
    assert_eq!(
        (&info["symbols"][0]["status"], &info["symbols"][0]["filters"][0]["tickSize"]),
        (&"TRADING".into(), &"0.01000000".into())
    );
    assert_eq!(info["symbols"][0]["filters"][3]["minNotional"], "5.00000000");
    world.public("/api/v3/exchangeInfo?symbol=NOPE").await.refused(-1121, "Invalid symbol.");
    assert_eq!(world.public("/fapi/v1/exchangeInfo").await.status, 404);
    let wrong_method = world.client("{}").await.send("PUT", "/api/v3/order", "", "").await;
    assert_eq!(wrong_method.status, 405);
}

#[tokio::test]
async fn a_closed_market_takes_no_order_but_cancels() {
    let world = World::open().await;
    let client = world.client("{}").await;
    client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=99").await.ok();
    function_paper_exchange::set_status(&world.deps, &world::pair(), strategy::market::SymbolStatus::Break)
        .await
        .unwrap();
    client.order("side=BUY&type=MARKET&quantity=1").await.refused(-1013, "Market is closed.");
    assert_eq!(world.public("/api/v3/exchangeInfo").await.ok()["symbols"][0]["status"], "BREAK");
    client.cancel("orderId=1").await.ok();
    function_paper_exchange::set_status(&world.deps, &world::pair(), strategy::market::SymbolStatus::Trading)
        .await
        .unwrap();
    client.order("side=BUY&type=MARKET&quantity=1").await.ok();
}

#[tokio::test]
async fn a_keys_permissions_are_told_in_full() {
    let world = World::open().await;
    let path = "/sapi/v1/account/apiRestrictions";
    let plain = world.client("{}").await.get(path, "").await.ok();
    assert_eq!(
        (&plain["ipRestrict"], &plain["enableWithdrawals"], &plain["enableSpotAndMarginTrading"]),
        (&true.into(), &false.into(), &true.into())
    );
    assert_eq!(plain.as_object().unwrap().len(), 13);
    let strong = world.client(r#"{"permissions": {"withdraw": true}, "ip_restrict": false}"#).await;
    let told = strong.get(path, "").await.ok();
    assert_eq!((&told["ipRestrict"], &told["enableWithdrawals"]), (&false.into(), &true.into()));
    assert_eq!(strong.get("/api/v3/account", "").await.ok()["canWithdraw"], true);
    let commission = strong.get("/api/v3/account/commission", "symbol=BTCUSDT").await.ok();
    assert_eq!(commission["standardCommission"]["taker"], "0.00100000");
}

#[tokio::test]
async fn oversized_and_broken_requests_are_refused() {
    let world = World::open().await;
    let client = world.client("{}").await;
    let big = client.send("POST", "/api/v3/order", "", &"a".repeat(65 * 1024)).await;
    assert_eq!((big.status, big.code()), (413, Some(-1101)));
    client
        .send("POST", "/api/v3/order", "symbol=%zz", "")
        .await
        .refused(-1100, "Illegal characters found in a parameter.");
    world
        .public("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=0")
        .await
        .refused(-1130, "Data sent for parameter 'limit' is not valid.");
    world
        .public("/api/v3/ticker/price?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D")
        .await
        .refused(-1128, "Combination of optional parameters invalid.");
    world
        .public("/api/v3/ping?x=1")
        .await
        .refused(-1104, "Not all sent parameters were read; read '0' parameter(s) but was sent '1'.");
}

#[tokio::test]
async fn zero_balances_are_left_out_on_request() {
    let world = World::open().await;
    let client = world.client(r#"{"balances": {"USDT": "5", "BTC": "0"}}"#).await;
    let count = async |parameters: &str| {
        client.get("/api/v3/account", parameters).await.ok()["balances"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("omitZeroBalances=true").await), (2, 1));
}

#[tokio::test]
async fn candles_are_listed_from_a_start_or_the_latest_and_a_thousand_are_kept() {
    let world = World::open().await;
    for minute in 2..=1003 {
        world.apply(flat(minute, "100")).await;
    }
    let opens = async |parameters: &str| -> Vec<i64> {
        let listed = world.public(&format!("/api/v3/klines?symbol=BTCUSDT&{parameters}")).await.ok();
        listed.as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap() / 60_000).collect()
    };
    assert_eq!(opens("interval=1m&limit=1000").await, (4..=1003).collect::<Vec<_>>());
    assert_eq!(opens("interval=1m&limit=2").await, [1002, 1003]);
    assert_eq!(opens("interval=1m&limit=2&startTime=600000").await, [10, 11]);
    assert_eq!(opens("interval=1m&startTime=600000&endTime=719999").await, [10, 11]);
    assert_eq!(opens("interval=1h&limit=2").await, [900, 960]);
}

#[tokio::test]
async fn two_pairs_cannot_share_a_symbol() {
    let world = World::open().await;
    let rules = paper::symbol::default_rules().unwrap();
    let twin = function_paper_exchange::list_symbol(&world.deps, &"BTCU-SDT".parse().unwrap(), rules).await;
    assert!(matches!(twin, Err(function_paper_exchange::ListRefused::SymbolTaken { .. })), "{twin:?}");
    let candle = function_paper_exchange::apply_candle(&world.deps, &"BTCU-SDT".parse().unwrap(), flat(2, "1")).await;
    assert!(candle.is_err());
}

#[tokio::test]
async fn the_owners_filters_hold() {
    let world = World::open().await;
    let client = world.client("{}").await;
    let rules = strategy::market::SymbolRules {
        tick: "0.5".parse().unwrap(),
        lot: "0.1".parse().unwrap(),
        notional_min: "20".parse().unwrap(),
    };
    function_paper_exchange::list_symbol(&world.deps, &world::pair(), rules).await.unwrap();
    client
        .order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99.1")
        .await
        .refused(-1013, "Filter failure: PRICE_FILTER");
    client
        .order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1.05&price=99")
        .await
        .refused(-1013, "Filter failure: LOT_SIZE");
    client
        .order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=99")
        .await
        .refused(-1013, "Filter failure: NOTIONAL");
    client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99.5").await.ok();
}
