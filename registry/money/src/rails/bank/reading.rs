//! Reading what a bank writes.

use std::collections::BTreeMap;

use super::camt;
use super::statement::{self, Statement};
use crate::Error;

/// Reads a statement: XML is camt.053, everything else CSV. Of lines of an account with one id, the later ones get a number of
/// their own.
pub(super) fn read(text: &str) -> Result<Statement, Error> {
    if text.contains('\0') {
        return Err(Error::Invalid("a statement is text, and this one has the character U+0000".into()));
    }
    let mut statement = Statement::default();
    if text.trim_start().starts_with('<') {
        camt::read(text, &mut statement)?;
    } else {
        statement::read_table(text, &mut statement)?;
    }
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in &mut statement.lines {
        let times = seen.entry((line.owner.number.clone(), line.id.clone())).or_default();
        *times += 1;
        if *times > 1 {
            line.id = format!("{}#{times}", line.id);
        }
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::super::super::Subject;
    use super::super::statement::{NewLine, Stated};
    use super::*;
    use crate::payouts;

    fn lines(text: &str) -> Vec<NewLine> {
        read(text).unwrap().lines
    }

    fn said(line: &NewLine) -> String {
        match &line.amount {
            Stated::Known(amount) => format!("{} {amount} {}", line.id, line.text),
            Stated::Foreign(amount) => format!("{} foreign {amount} {}", line.id, line.text),
        }
    }

    #[test]
    fn a_statement_reads_as_xml_and_as_csv() {
        let xml = r#"<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
            <Stmt><Id>1</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
            <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="USD">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-06-29</Dt></Dt></Bal>
            <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="USD">110.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-06-30</Dt></Dt></Bal>
            <Ntry><Amt Ccy="USD">100.5</Amt><CdtDbtInd>CRDT</CdtDbtInd>
            <BookgDt><Dt>2026-06-29</Dt></BookgDt><ValDt><Dt>2026-06-30</Dt></ValDt><AcctSvcrRef>B1</AcctSvcrRef>
            <NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Globex</Nm></Pty></Dbtr></RltdPties>
            <RmtInf><Ustrd>thanks for INVOICE-7</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
            <Ntry><Amt Ccy="JPY">500</Amt><CdtDbtInd>DBIT</CdtDbtInd><NtryDtls><TxDtls><Refs><AcctSvcrRef>B2</AcctSvcrRef>
            <EndToEndId>PAYOUT-3</EndToEndId></Refs><RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
            <Ntry><Amt Ccy="CHF">12.5</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>NONREF</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>
            <Strd><CdtrRefInf><Ref>CH-2345678923</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>
            </Stmt></BkToCstmrStmt></Document>"#;
        let statement = read(xml).unwrap();
        let lines_of = statement.lines.iter().map(said).collect::<Vec<_>>();
        let expected = [
            "B1 100.50 USD thanks for INVOICE-7 Globex",
            "B2 -500 JPY PAYOUT-3",
            "1/3 foreign 12.5 CHF CH-2345678923",
        ];
        assert_eq!(lines_of, expected);
        assert_eq!(statement.lines[0].day, Some("2026-06-30".parse().unwrap()));
        assert_eq!(Subject::find(&statement.lines[0].text), Some(Subject::Invoice(7)));
        assert!(statement.lines[1].returned);
        assert_eq!(Vec::from_iter(payouts::numbers_in(&statement.lines[1].text)), [3]);
        let balances = &statement.balances[0];
        assert_eq!(
            (balances.owner.number.as_str(), balances.lines.minor()),
            ("DE89370400440532013000", 10_050)
        );
        assert_eq!((balances.opening.minor(), balances.closing.minor()), (1000, 11_050));
    }

    #[test]
    fn what_is_booked_as_one_is_several_lines_where_they_sum_to_it() {
        let batch = |last: &str| {
            format!(
                r#"<Document><BkToCstmrStmt><Stmt><Ntry><Amt Ccy="EUR">30.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>
                <Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>B3</AcctSvcrRef><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
                <TxDtls><Refs><EndToEndId>PAYOUT-4</EndToEndId></Refs><Amt Ccy="EUR">10</Amt></TxDtls>
                <TxDtls><Refs><EndToEndId>PAYOUT-5</EndToEndId></Refs>{last}</TxDtls></NtryDtls></Ntry>
                <Ntry><Amt Ccy="EUR">7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts></Ntry>
                </Stmt></BkToCstmrStmt></Document>"#
            )
        };
        let parts = |last: &str| lines(&batch(last)).iter().map(said).collect::<Vec<_>>();
        let both = ["B3/1 -10.00 EUR PAYOUT-4", "B3/2 -20.00 EUR PAYOUT-5"];
        assert_eq!(parts(r#"<AmtDtls><TxAmt><Amt Ccy="EUR">20.00</Amt></TxAmt></AmtDtls>"#), both);
        for unclear in [r#"<Amt Ccy="EUR">21.00</Amt>"#, r#"<Amt Ccy="CHF">20.00</Amt>"#, ""] {
            assert_eq!(parts(unclear), ["B3 -30.00 EUR PAYOUT-4 PAYOUT-5"], "{unclear}");
        }
    }

    #[test]
    fn a_table_keeps_every_line() {
        let csv = "id,date,amount,currency,text\nB1,2026-11-01,100.50,USD,\"for CH-23456789AB, thanks\"\n\
                   B1,2026-11-02,1,USD,\nB2,,7.30,CHF,rent\n";
        let all = lines(csv);
        assert_eq!(Subject::find(&all[0].text), Some(Subject::Order("CH-23456789AB".into())));
        assert_eq!(all[0].day, Some("2026-11-01".parse().unwrap()));
        assert_eq!(
            (said(&all[1]), said(&all[2])),
            ("B1#2 1.00 USD ".into(), "B2 foreign 7.30 CHF rent".into())
        );
        let text = "id,date,amount,currency,text\r\n\"B;2\",2026-11-01,-7,JPY,\"he said \"\"RETURN\"\",\nPAYOUT-3\"\r\n";
        let back = lines(text).remove(0);
        assert!(said(&back).starts_with("B;2 -7 JPY") && back.returned);
        assert_eq!(Vec::from_iter(payouts::numbers_in(&back.text)), [3]);
        assert!(
            read("id,date,amount,currency,text\nB1,,1,USD,\0\n").unwrap_err().to_string().contains("U+0000")
        );
        assert!(read("<Document/>").is_err() && read("amount\n1").is_err());
        for wrong in ["B2,,one,USD", "B2,,1,US", "B2,,1,usd", ",,1,USD"] {
            let text = format!("id,date,amount,currency,text\nB1,,1,USD,\n{wrong},\n");
            let error = read(&text).unwrap_err().to_string();
            assert!(error.starts_with("line 3: "), "{error}");
        }
    }
}
