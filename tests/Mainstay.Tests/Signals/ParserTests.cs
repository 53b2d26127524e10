using System.Text;
using FsCheck.Fluent;
using Google.Protobuf;
using Mainstay.Control.Signals;

namespace Mainstay.Tests.Signals;

public sealed class ParserTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Exposition_text_gives_gauges_counters_and_histograms_with_their_times()
    {
        var read = ExpositionText.Read("""
            # HELP http_requests_total Requests.
            # TYPE http_requests_total counter
            http_requests_total{code="200",path="/a\"b\\c"} 1027 1767225600000
            # TYPE temperature gauge
            temperature -3.5e1
            # TYPE wait histogram
            wait_bucket{le="0.1"} 3
            wait_bucket{le="1"} 5
            wait_bucket{le="+Inf"} 6
            wait_sum 4.5
            wait_count 6
            """, Now, [new("job", "x")]);
        Assert.Empty(read.Errors);
        Assert.Equal(
            ["http_requests_total{code=\"200\",job=\"x\",path=\"/a\\\"b\\\\c\"} Counter 1027", "temperature{job=\"x\"} Gauge -35", "wait{job=\"x\"} Histogram 4.5"],
            read.Points.Select(p => FormattableString.Invariant($"{p.Series} {p.Kind} {p.Value}")));
        Assert.Equal(Now, read.Points[0].At);
        Assert.Equal([(0.1, 3.0), (1, 2), (double.PositiveInfinity, 1)], read.Points[2].Buckets.Select(b => (b.Bound, b.Count)));
    }

    [Theory]
    [InlineData("metric")]
    [InlineData("metric one")]
    [InlineData("metric 1 2 3")]
    [InlineData("metric 1 soon")]
    [InlineData("metric{a=\"b\" 1")]
    [InlineData("metric{a=b} 1")]
    [InlineData("metric{a=\"b} 1")]
    [InlineData("metric{=\"b\"} 1")]
    [InlineData("9metric 1")]
    [InlineData("{a=\"b\"} 1")]
    [InlineData("<html>no</html>")]
    [InlineData("# TYPE w histogram\nw_bucket 3")]
    [InlineData("# TYPE w histogram\nw_bucket{le=\"wide\"} 3")]
    public void A_malformed_line_is_told_with_its_place_and_the_others_are_read(string line)
    {
        var read = ExpositionText.Read($"good 1\n{line}\nbetter 2\n", Now, []);
        Assert.Equal(["good", "better"], read.Points.Select(p => p.Series.Name));
        Assert.Equal(1, read.Wrong);
        Assert.Matches("^line [23]: ", Assert.Single(read.Errors));
    }

    [Fact]
    public void Any_text_is_read_without_a_crash() => Property.Holds(
        Gen.ArrayOf(Gen.Elements("a", "{", "}", "=", "\"", "\\", ",", " ", "1", "NaN", "+Inf", "\n", "# TYPE a histogram\n", "_bucket", "le", "#", "é", "\0")),
        parts =>
        {
            var text = string.Concat(parts);
            _ = PushLines.Read(text, Now);
            return ExpositionText.Read(text, Now, []).Points.All(p => p.Series.Name.Length > 0);
        });

    [Fact]
    public void Lines_of_JSON_give_points_and_wrong_ones_are_told()
    {
        var read = PushLines.Read("""
            {"name": "queue.depth", "labels": {"region": "us-east-1"}, "value": 12}
            {"name": "hits", "value": 7, "kind": "counter", "time": "2025-12-31T23:59:00Z"}
            {"name": "hits", "value": "NaN", "time": 1767225590.5}
            {"name": "hits"}
            {"name": 3, "value": 1}
            {"name": "hits", "value": 1, "labels": {"a": 1}}
            {"name": "hits", "value": 1, "kind": "7"}
            {"name": "hits", "value": 1, "time": "soon"}
            [1]
            {"name": "hits", "value": 1
            """, Now);
        Assert.Equal(["queue.depth{region=\"us-east-1\"}", "hits", "hits"], read.Points.Select(p => p.Series.Text));
        Assert.Equal([Now.AddTicks(1), Now.AddMinutes(-1), Now.AddSeconds(-9.5)], read.Points.Select(p => p.At));
        Assert.True(double.IsNaN(read.Points[2].Value));
        Assert.Equal(7, read.Wrong);
        Assert.Equal(Enumerable.Range(4, 7).Select(l => $"line {l}"), read.Errors.Select(e => e.Split(':')[0]));
    }

    [Fact]
    public void OTLP_in_JSON_gives_points_with_the_labels_of_resource_and_point()
    {
        var read = SignalBytes.ReadOtlpJson(Encoding.UTF8.GetBytes("""
            {"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"chat"}},{"key":"process.pid","value":{"intValue":"7"}}]},
             "scopeMetrics":[{"metrics":[
              {"name":"a.gauge","gauge":{"dataPoints":[{"timeUnixNano":"1767225600000000000","asDouble":1.5,"attributes":[{"key":"gpu","value":{"intValue":"3"}}]},{"asDouble":"NaN"},{"flags":1}]}},
              {"name":"a.sum","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"42"}]}},
              {"name":"a.delta","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asInt":"4"}]}},
              {"name":"a.histogram","histogram":{"aggregationTemporality":1,"dataPoints":[{"count":"3","sum":2.5,"bucketCounts":["1","2"],"explicitBounds":[1]}]}},
              {"name":"a.wrong","histogram":{"dataPoints":[{"count":"3","sum":2.5,"bucketCounts":["1"],"explicitBounds":[1,2]}]}},
              {"name":"a.exponential","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"count":"3","sum":2.5,"scale":0,"zeroCount":"1","positive":{"offset":0,"bucketCounts":["2"]}}]}}
             ]}]}]}
            """), Now, out _)!;
        Assert.Equal(
            ["a.gauge{gpu=\"3\",service=\"chat\"} Gauge 1.5 False", "a.gauge{service=\"chat\"} Gauge NaN False", "a.sum{service=\"chat\"} Counter 42 False", "a.delta{service=\"chat\"} Counter 4 True",
                "a.histogram{service=\"chat\"} Histogram 2.5 True", "a.exponential{service=\"chat\"} Histogram 2.5 True"],
            read.Points.Select(p => FormattableString.Invariant($"{p.Series} {p.Kind} {p.Value} {p.IsDelta}")));
        Assert.Equal(1, read.Wrong);
        Assert.Equal([(0.0, 1.0), (Math.Exp(9 * Math.Log(1.08)), 2)], read.Points[5].Buckets.Select(b => (b.Bound, b.Count)));
    }

    [Fact]
    public void OTLP_in_protobuf_gives_the_same()
    {
        var attribute = Message((1, "host.name"), (2, Message((1, "h1"))));
        var number = Message((3, 1767225600000000000UL), (6, 42UL));
        var histogram = Message((3, 1767225600000000000UL), (5, BitConverter.DoubleToUInt64Bits(2.5)), (6, Packed(1, 2)), (7, Packed(BitConverter.DoubleToUInt64Bits(1.0))));
        var metrics = Message(
            (2, Message((1, "hits"), (7, Message((1, number), (2, 2), (3, 1))))),
            (2, Message((1, "wait"), (9, Message((1, histogram), (2, 1))))));
        var read = SignalBytes.ReadOtlp(Message((1, Message((1, Message((1, attribute))), (2, metrics)))), Now, out _)!;
        Assert.Equal(["hits{host=\"h1\"} Counter 42", "wait{host=\"h1\"} Histogram 2.5"], read.Points.Select(p => FormattableString.Invariant($"{p.Series} {p.Kind} {p.Value}")));
        Assert.Equal([(1.0, 1.0), (double.PositiveInfinity, 2)], read.Points[1].Buckets.Select(b => (b.Bound, b.Count)));
    }

    [Fact]
    public void Bytes_that_are_no_OTLP_are_told_and_never_a_crash() => Property.Holds(
        Gen.ArrayOf(Gen.Choose(0, 255)),
        bytes =>
        {
            byte[] body = [.. bytes.Select(b => (byte)b)];
            return (SignalBytes.ReadOtlp(body, Now, out var wrong) is not null || wrong.Length > 0)
                && (SignalBytes.ReadOtlpJson(body, Now, out wrong) is not null || wrong.Length > 0);
        });

    /// <summary>A message of protobuf: texts, messages and bytes by their length, 64-bit numbers fixed, others as varint.</summary>
    private static byte[] Message(params (int Field, object Value)[] fields)
    {
        using var bytes = new MemoryStream();
        var output = new CodedOutputStream(bytes);
        foreach (var (field, value) in fields)
        {
            output.WriteTag(field, value is ulong ? WireFormat.WireType.Fixed64 : value is int ? WireFormat.WireType.Varint : WireFormat.WireType.LengthDelimited);
            if (value is ulong number)
                output.WriteFixed64(number);
            else if (value is int word)
                output.WriteInt32(word);
            else if (value is string text)
                output.WriteString(text);
            else
                output.WriteBytes(ByteString.CopyFrom((byte[])value));
        }
        output.Flush();
        return bytes.ToArray();
    }

    private static byte[] Packed(params ulong[] numbers) => [.. numbers.SelectMany(BitConverter.GetBytes)];
}
