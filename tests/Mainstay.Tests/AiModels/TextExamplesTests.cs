using Mainstay.Control.AiModels;
using Xunit;

namespace Mainstay.Tests.AiModels;

public sealed class TextExamplesTests
{
    [Fact]
    public void Quotes_commas_and_line_ends_are_read_and_other_columns_ignored()
    {
        var examples = Read("id,label,text\r\n1,a,\"one, \"\"two\"\"\r\nthree\"\r\n2,b,\r\n");
        Assert.Equal([new TextExample("one, \"two\"\r\nthree", "a"), new TextExample("", "b")], examples);
    }

    [Theory]
    [InlineData("", "line 1", "empty")]
    [InlineData("text,class\na,b\n", "line 1", "`label`")]
    [InlineData("text,label\n", "line 2", "no rows")]
    [InlineData("text,label\na,b\nc\n", "line 3", "1 fields")]
    [InlineData("text,label\n\"a\nb\",x\nc,d,e\n", "line 4", "3 fields")]
    [InlineData("text,label\na,b\nc, \n", "line 3", "label is empty")]
    [InlineData("text,label\na,b\nc \"d\" e,f\n", "line 3", "quote")]
    [InlineData("text,label\na,b\n\"c,d\ne,f\n", "line 3", "quote")]
    public void Errors_name_the_line_and_the_cure(string csv, string line, string what)
    {
        var error = Assert.Throws<TextExamplesException>(() => Read(csv));
        Assert.Contains($"some.csv, {line}:", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_errors_with_a_cure()
    {
        Assert.Contains("no such file", Assert.Throws<TextExamplesException>(() => TextExamples.Read("/no/such.csv")).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<TextExamplesException>(() => TextExamples.Read("/")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_own_corpus_is_balanced_and_has_no_text_twice()
    {
        var corpus = ModerationCorpus.Load();
        Assert.InRange(corpus.Count, 300, 400);
        Assert.InRange(corpus.Count(example => example.Label == "toxic") / (double)corpus.Count, 0.4, 0.6);
        Assert.Equal(corpus.Count, corpus.Select(example => example.Text).Distinct(StringComparer.Ordinal).Count());
    }

    private static IReadOnlyList<TextExample> Read(string csv) => TextExamples.Read(new StringReader(csv), "some.csv");
}
