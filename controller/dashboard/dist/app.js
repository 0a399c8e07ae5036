"use strict";(()=>{var N,mo,fn,ge,dn,At,ho,Et,go,mn,pn,aa,it=Symbol.for("pv"),Ot={},Rt=[],ia=/^m(i|n|o|s|text|space)$/,hn=Array.isArray,gn=Rt.slice,Ee=Object.assign;function Pe(e){e&&e.parentNode&&e.remove()}function st(e,t,n){var o,r,a,i={},l=arguments.length;for(a in t)a=="key"?o=t[a]:a=="ref"&&typeof e!="function"?r=t[a]:i[a]=t[a];return l>2&&(i.children=l>3?gn.call(arguments,2):n),at(e,i,o,r,null)}function at(e,t,n,o,r){var a={type:e,props:t,key:n,ref:o,__k:null,__:null,__b:0,__e:null,__c:null,constructor:it,__v:r||++mo,__i:-1,__u:0};return!r&&N.vnode&&N.vnode(a),a}function Ae(e){return e.children}function De(e,t){this.props=e,this.context=t,this.__g=0}function ve(e,t){if(t==null)return e.__&&ve(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:ve(e)}function sa(e){var t,n=e.__v,o=n.__e,r=[],a=[],i=e.__P;i&&((t=Ee({constructor:it},n)).__v=n.__v+1,N.vnode&&N.vnode(t),vn(i,t,n,e.__n,i.namespaceURI,32&n.__u?[o]:null,r,o||ve(n),32&n.__u,a),t.__v=n.__v,t.__.__k[t.__i]=t,yo(r,t,a),n.__=n.__e=null,t.__e!=o&&vo(t))}function vo(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),vo(e)}function po(e){(8&e.__g||(e.__g|=8,ge.push(e),At++))&&dn==N.debounceRendering||((dn=N.debounceRendering)||queueMicrotask)(bo)}function bo(){try{for(var e,t=1;ge.length;)ge.length>t&&ge.sort(ho),e=ge.shift(),t=ge.length,8&e.__g&&sa(e)}finally{(At=ge.length)&&(dn||queueMicrotask)(bo)}}function _o(e,t,n,o,r,a,i,l,c,p,d){var m,h,u,g,$,v,k=o.__k||Rt,b=t.length;for(c=la(n,t,k,c,b),m=0;m<b;m++)(u=n.__k[m])!=null&&(h=~u.__i&&k[u.__i]||Ot,u.__i=m,v=vn(e,u,h,r,a,i,l,c,p,d),g=u.__e,(h.ref!=u.ref||8&h.__u)&&(h.ref&&bn(h.ref,null,u,h),u.ref&&d.push(u.ref,u.__c||g,u)),$=$||g,4&u.__u?(c=wo(u,c,e,!h.__v),h.__e&&(h.__e=null)):typeof u.type=="function"&&v!==void 0?c=v:g&&(c=g.nextSibling),u.__u&=-21);return n.__e=$,c}function la(e,t,n,o,r){var a,i,l,c,p,d,m,h,u,g=n.length,$=g,v=0,k=0,b=e.__k=Array(r);for(a=0;a<r;a++)(i=t[a])!=null&&typeof i!="boolean"&&typeof i!="function"?(typeof i!="object"||i.constructor===String?i=b[a]=at(null,i):hn(i)?i=b[a]=at(Ae,{children:i}):i.constructor===it&&i.__b?i=b[a]=at(i.type,i.props,i.key,i.ref,i.__v):b[a]=i,c=a+v,i.__=e,i.__b=e.__b+1,l=null,~(p=i.__i=ca(i,n,c,$))&&($--,(l=n[p])&&(l.__u|=2)),l&&l.__v?(i.__u|=16,p==c-1?v--:p==c+1?v++:p!=c&&(p>c?v--:v++,k=1)):(~p||(r>g?v--:r<g&&v++),typeof i.type!="function"&&(i.__u|=4))):b[a]=null;if(k){for(d=[],m=[],a=0;a<r;a++)if((i=b[a])&&16&i.__u){for(v=0,h=d.length;v<h;)d[u=v+h>>1]<i.__i?v=u+1:h=u;d[v]=i.__i,m[a]=v+1}for(v=d.length;a--;)m[a]&&(m[a]==v?v--:b[a].__u|=4)}if($)for(a=0;a<g;a++)!(l=n[a])||2&l.__u||(l.__e==o&&(o=ve(l)),_n(l,l));return o}function wo(e,t,n,o){var r,a,i,l;if(typeof e.type=="function"){if(e.props.__P)return t;if(r=e.__k)for(a=0;a<r.length;a++)r[a]&&(r[a].__=e,t=wo(r[a],t,n,!1));return t}for(t&&!t.parentNode&&(t=ve(e))&&!t.parentNode&&(t=null),i=e.__e,l=t;l&&l.nodeType==8;)l=l.nextSibling;for(i!=l&&(!o&&n.moveBefore&&i.parentNode?n.moveBefore(i,t):n.insertBefore(i,t||null)),t=i;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function ca(e,t,n,o){var r,a=e.key,i=e.type,l=t[n],c=l&&!(2&l.__u);if(l===null&&a==null||c&&a==l.key&&i==l.type)return n;if(o>(c?1:0)){for(r=n-1;r>=0;r--)if((l=t[r])&&!(2&l.__u)&&a==l.key&&i==l.type)return r;for(r=n+1;r<t.length;r++)if((l=t[r])&&!(2&l.__u)&&a==l.key&&i==l.type)return r}return-1}function fo(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function Pt(e,t,n,o,r){var a,i;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof o=="string"&&(e.style.cssText=o=""),o)for(t in o)n&&t in n||fo(e.style,t);if(n)for(t in n)o&&n[t]==o[t]||fo(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof o!="function"&&(o=null),(e.__e||(e.__e={}))[t]=n,n&&o||(i=pn[t]||(pn[t]=ua(t)),(e.__a||(e.__a={}))[t]=mn,a=t!=(t=t.replace(go,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,i,a):e.removeEventListener(t,i,a));else{if(r=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function ua(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[Et]==null)t[Et]=mn++;else if(t[Et]<this.__a[e])return;return n(N.event?N.event(t):t)}}}function vn(e,t,n,o,r,a,i,l,c,p){var d,m,h,u,g,$,v,k,b,C,M,ot,rt,Ce,Me,uo,he,Ve,se=t.type;if(t.constructor!==it)return null;128&n.__u&&(c=32&n.__u,d=n.__c.__z)&&(t.__u|=c,m=a=[],d.nodeType==8?l=Dt(d,a):a.push(d),l=a[0]||l),(d=N.__b)&&d(t);e:if(typeof se=="function"){h=i.length;try{if(k=t.props,b=(d=se.prototype)&&d.render,C=(d=se.contextType)&&o[d.__c],M=d?C?C.props.value:d.__:o,(u=n.__c)?(t.__c=u,2&u.__g&&(u.__g|=1)):(b?t.__c=u=new se(k,M):(t.__c=u=new De(k,M),u.constructor=se,u.render=pa),C&&C.sub(u),u.state||(u.state={}),u.__n=o,u.__g|=8,u.__h=[],u.__k=[]),b&&(u.__s||(u.__s=u.state),se.getDerivedStateFromProps&&(u.__s==u.state&&(u.__s=Ee({},u.__s)),Ee(u.__s,se.getDerivedStateFromProps(k,u.__s)))),g=u.props,$=u.state,u.__v=t,n.__c){if(k!==g&&b&&!se.getDerivedStateFromProps&&u.componentWillReceiveProps&&u.componentWillReceiveProps(k,M),t.__v==n.__v&&!(8&u.__g)||!(4&u.__g)&&u.shouldComponentUpdate&&u.shouldComponentUpdate(k,u.__s,M)===!1){t.__v!=n.__v&&(u.props=k,u.state=u.__s,u.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(q){q&&(q.__=t)}),Rt.push.apply(u.__h,u.__k),u.__k=[],u.__h.length&&i.push(u),l=ve(n);break e}u.componentWillUpdate&&u.componentWillUpdate(k,u.__s,M),b&&u.componentDidUpdate&&u.__h.push(function(){u.componentDidUpdate(g,$,v)})}else b&&!se.getDerivedStateFromProps&&u.componentWillMount&&u.componentWillMount(),b&&u.componentDidMount&&u.__h.push(u.componentDidMount);u.context=M,u.props=k,u.__P=e,u.__g&=-5,ot=N.__r,rt=b?25:0;do u.__g&=-9,ot&&ot(t),d=u.render(u.props,u.state=u.__s,u.context);while(8&u.__g&&++rt<25);b&&(Rt.push.apply(u.__h,u.__k),u.__k=[]),u.state=u.__s,u.getChildContext&&(o=Ee({},o,u.getChildContext())),b&&n.__c&&u.getSnapshotBeforeUpdate&&(v=u.getSnapshotBeforeUpdate(g,$)),Ce=d&&d.type===Ae&&d.key==null?d.props.children:d,k.__P&&(d=l,r=(e=k.__P).namespaceURI,c=a=null,n.props&&n.props.__P!=e&&(n.__k.some(function(q){q&&_n(q,q)}),n.__k=null),l=n.__k?ve(n,0):null),l=_o(e,hn(Ce)?Ce:[Ce],t,n,o,r,a,i,l,c,p),k.__P&&(t.__e=null,l=d),t.__u&=-161,m&&m.some(Pe),u.__h.length&&i.push(u),1&u.__g&&(u.__g&=-4)}catch(q){if(i.length=h,t.__v=null,c||a)if(q&&q.then){if(t.__u|=128|c,a){for(~(he=a.indexOf(l||void 0))||(he=a.length);(Ve=a[he-1])&&Ve.nodeType==8;)he--;for(;he<a.length;he++)if(Ve=a[he])if(a[he]=null,Me){if(Ve==uo)break}else{if(Ve.nodeType!=8)break;Ve.data.startsWith("$s")&&(uo=Dt(Me=Ve))}}if(!Me){for(;l&&l.nodeType==8&&l.nextSibling;)l=l.nextSibling;Me=l}(d=Dt(Me=t.__c.__z||(t.__c.__z=Me)))?(t.__e=Me,l=d):t.__e=l,l=l&&l.nextSibling}else a&&a.some(Pe);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),q&&q.then||$o(t),N.__e(q,t,n)}}else l=t.__e=da(n.__e,t,n,o,r,a,i,c,p,e);return(d=N.diffed)&&d(t),l}function Dt(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function $o(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some($o))}function yo(e,t,n){for(var o=0;o<n.length;)bn(n[o++],n[o++],n[o++]);N.__c&&N.__c(t,e),e.some(function(r){try{e=r.__h,r.__h=[],e.some(function(a){a.call(r)})}catch(a){N.__e(a,r.__v)}})}function da(e,t,n,o,r,a,i,l,c,p){var d,m,h,u,g,$,v,k,b=n.props||Ot,C=t.props,M=t.type;if(M=="svg"?r="http://www.w3.org/2000/svg":M=="math"?r="http://www.w3.org/1998/Math/MathML":r||(r="http://www.w3.org/1999/xhtml"),a){for(d=0;d<a.length;d++)if((g=a[d])&&(M?g.localName==M:g.nodeType==3)){e=g,a[d]=null;break}}if(!e){if(k=p.ownerDocument||document,!M)return k.createTextNode(C);e=k.createElementNS(r,M,C.is?C:p),l&&(N.__m&&N.__m(t,a),l=!1),a=null}if(M){if(p=M=="template"&&e.content||e,a=M=="textarea"&&C.defaultValue!=null?null:a&&gn.call(p.childNodes),!l&&a)for(b={},d=0;d<e.attributes.length;d++)b[(g=e.attributes[d]).name]=g.value;for(d in b)g=b[d],d=="dangerouslySetInnerHTML"?h=g:d=="children"||d in C||d=="value"&&"defaultValue"in C||d=="checked"&&"defaultChecked"in C||Pt(e,d,null,g,r);for(d in C)g=C[d],d=="children"?u=g:d=="dangerouslySetInnerHTML"?m=g:d=="value"?$=g:d=="checked"?v=g:l&&typeof g!="function"||b[d]===g||Pt(e,d,g,b[d],r);m?(l||h&&(m.__html==h.__html||m.__html==e.innerHTML)||(e.innerHTML=m.__html),t.__k=[]):(h&&(e.textContent=""),(M=="foreignObject"||r=="http://www.w3.org/1998/Math/MathML"&&ia.test(M))&&(r="http://www.w3.org/1999/xhtml"),_o(p,hn(u)?u:[u],t,n,o,r,a,i,a?a[0]:n.__k&&ve(n,0),l,c),a&&a.some(Pe)),l&&M!="textarea"||(d="value",M=="progress"&&$==null?e.removeAttribute(d):$==null||$===e[d]&&(M!="progress"||$)||Pt(e,d,$,b[d],r),d="checked",v!=null&&v!=e[d]&&Pt(e,d,v,b[d],r))}else b===C||l&&e.data==C||(e.data=C);return e}function bn(e,t,n,o){try{typeof e=="function"?t?t.__x=e(t)||1:o&&(o=o.__c||o.__e)&&(t=o.__x)&&(o.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(r){N.__e(r,n)}}function _n(e,t,n){var o,r,a,i;if(N.unmount&&N.unmount(e),!(o=e.ref)||o.current&&o.current!=e.__e||bn(o,null,t,e),o=e.__c){if(o.componentWillUnmount)try{o.componentWillUnmount()}catch(l){N.__e(l,t)}o.__P=o.__n=null}if(o=e.__k)for(i=0;i<o.length;i++)o[i]&&_n(o[i],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(o=e.__c)&&(o=o.__z)&&(r=Dt(o,a=[]))&&(o==e.__e&&a.some(Pe),Pe(r),Pe(o)),n||Pe(e.__e),e.__e=e.__c=e.__=null}function pa(e,t,n){return this.constructor(e,n)}function wn(e,t){var n,o,r,a;N.__&&N.__(e,t),t.nodeType==9&&(t=t.documentElement),o=(n=e&&32&e.__u)?null:t.__k,t.__k=at(Ae,{children:[e]}),r=[],a=[],vn(t,t.__k,o||Ot,Ot,t.namespaceURI,o?null:t.firstChild?gn.call(t.childNodes):null,r,o?o.__e:t.firstChild,n,a),yo(r,t.__k,a),t.__k.props.children=null}N={__e:function(e,t,n,o){for(var r,a,i;t=t.__;)if((r=t.__c)&&!(1&r.__g)){r.__g|=4;try{if((i=(a=r.constructor)&&a.getDerivedStateFromError)&&r.setState(a.getDerivedStateFromError(e)),r.componentDidCatch&&(r.componentDidCatch(e,o||{}),i=1),i&&8&r.__g)return void(r.__g|=2)}catch(l){e=l}}throw At=0,e}},mo=0,fn=function(e){return e!=null&&e.constructor===it},De.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=Ee({},this.state)),typeof e=="function"&&(e=e(Ee({},n),this.props)),e&&(Ee(n,e),this.__v&&(t&&this.__k.push(t),po(this)))},De.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),po(this))},De.prototype.render=Ae,ge=[],At=0,ho=function(e,t){return e.__v.__b-t.__v.__b},Et=Symbol(),go=/(PointerCapture)$|Capture$/i,mn=0,pn={},aa=0;var ct,O,$n,ko,yn=Object.is,Lt=0,Eo=[],kn=[],A=N,xo=A.__b,So=A.__r,No=A.diffed,To=A.__c,Co=A.unmount,Mo=A.__;function Sn(e,t){A.__h&&A.__h(O,e,Lt||t),Lt=0;var n=O.__H||(O.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function ut(e){return Lt=1,fa(Ao,e)}function fa(e,t,n){var o=Sn(ct++,2);if(o.t=e,!o.__c&&(o.__=[n?n(t):Ao(void 0,t),function(a){var i=(o.__N||o.__)[0],l=o.t(i,a);yn(i,l)||(o.__N=[l,o.__[1]],o.__c.setState({}))}],o.__c=O,!O.__f)){O.__f=!0;var r=O.shouldComponentUpdate;O.shouldComponentUpdate=function(a,i,l){var c=this.__H;if(!c)return!0;var p=!1,d=this.props!=a;if(c.__.some(function(h){h.__N&&(p=!0,yn(h.__[0],h.__N[0])||(d=!0))}),r){var m=r.call(this,a,i,l);return p?m||d:m}return!p||d}}return o.__}function G(e,t){var n=Sn(ct++,3);!A.__s&&Do(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,O.__H.__h.push(n))}function X(e){return Lt=5,It(function(){return{current:e}},[])}function It(e,t){var n=Sn(ct++,7);return Do(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function ma(){var e;do{for(;e=kn.shift();)try{lt(e)}catch(n){A.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=Eo.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(lt),t.__h.some(xn),t.__h=[]}catch(n){t.__h=[],A.__e(n,e.__v)}}}while(kn.length)}A.__b=function(e){O=null,xo&&xo(e)},A.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Mo&&Mo(e,t)},A.__r=function(e){So&&So(e),ct=0;var t=(O=e.__c).__H;t&&($n==O?O.__h=[]:(t.__h.some(lt),t.__h.some(xn),ct=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),$n=O},A.diffed=function(e){No&&No(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Po(Eo.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),$n=O=null},A.__c=function(e,t){t.some(function(n){try{n.__h.some(lt),n.__h=n.__h.filter(function(o){return!o.__||xn(o)})}catch(o){n.__h=[function(){throw o}]}}),To&&To(e,t)},A.unmount=function(e){Co&&Co(e);var t,n,o=e.__c;o&&o.__H&&(o.__H.__.some(function(r){try{if(r.__P&&r.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}r.__P=n,Po(kn.push(r))}else lt(r)}catch(a){t=a}}),o.__H=void 0,t&&A.__e(t,o.__v))};var Vo=typeof requestAnimationFrame=="function";function ha(e){var t,n=function(){clearTimeout(o),Vo&&cancelAnimationFrame(t),setTimeout(e)},o=setTimeout(n,35);Vo&&(t=requestAnimationFrame(n))}function Po(e){e!=1&&ko==A.requestAnimationFrame||((ko=A.requestAnimationFrame)||ha)(ma)}function lt(e){var t=O,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),O=t}function xn(e){var t=O;e.__c=e.__(),O=t}function Do(e,t){return!e||e.length!=t.length||t.some(function(n,o){return!yn(n,e[o])})}function Ao(e,t){return typeof t=="function"?t(e):t}var ga=Symbol.for("preact-signals");function jt(){if(le>1)le--;else{var e,t=!1;for((function(){var r=Wt;for(Wt=void 0;r!==void 0;){var a=r.S;if(a.v===r.v)for(var i=a.t;i!==void 0;i=i.x)i.i===r.i&&(i.i=a.i);r=r.o}})();pt!==void 0;){var n=pt;for(pt=void 0,Ht++;n!==void 0;){var o=n.u;if(n.u=void 0,n.f&=-3,!(8&n.f)&&Ro(n))try{n.c()}catch(r){t||(e=r,t=!0)}n=o}}if(Ht=0,le--,t)throw e}}function Tn(e){if(le>0)return e();Nn=++va,le++;try{return e()}finally{jt()}}var dt,P=void 0;function ft(e){var t=P,n=dt;P=void 0,dt=void 0;try{return e()}finally{P=t,dt=n}}var pt=void 0,le=0,Ht=0,va=0,Nn=0,Wt=void 0,Ft=0;function Oo(e){if(P!==void 0){var t=e.n;if(t===void 0||t.t!==P)return t={i:0,S:e,p:P.s,n:void 0,t:P,e:void 0,x:void 0,r:t},P.s!==void 0&&(P.s.n=t),P.s=t,e.n=t,32&P.f&&e.S(t),t;if(t.i===-1)return t.i=0,t.n!==void 0&&(t.n.p=t.p,t.p!==void 0&&(t.p.n=t.n),t.p=P.s,t.n=void 0,P.s.n=t,P.s=t),t}}function R(e,t){this.v=e,this.i=0,this.n=void 0,this.t=void 0,this.l=0,this.W=t?.watched,this.Z=t?.unwatched,this.name=t?.name}R.prototype.brand=ga;R.prototype.h=function(){return!0};R.prototype.S=function(e){var t=this,n=this.t;n!==e&&e.e===void 0&&(e.x=n,this.t=e,n!==void 0?n.e=e:ft(function(){var o;(o=t.W)==null||o.call(t)}))};R.prototype.U=function(e){var t=this;if(this.t!==void 0){var n=e.e,o=e.x;n!==void 0&&(n.x=o,e.e=void 0),o!==void 0&&(o.e=n,e.x=void 0),e===this.t&&(this.t=o,o===void 0&&ft(function(){var r;(r=t.Z)==null||r.call(t)}))}};R.prototype.subscribe=function(e){var t=this;return z(function(){var n=t.value;ft(function(){return e(n)})},{name:"sub"})};R.prototype.valueOf=function(){return this.value};R.prototype.toString=function(){return this.value+""};R.prototype.toJSON=function(){return this.value};R.prototype.peek=function(){var e=this;return ft(function(){return e.value})};Object.defineProperty(R.prototype,"value",{get:function(){var e=Oo(this);return e!==void 0&&(e.i=this.i),this.v},set:function(e){if(e!==this.v){if(Ht>100)throw new Error("Cycle detected");(function(n){le!==0&&Ht===0&&n.l!==Nn&&(n.l=Nn,Wt={S:n,v:n.v,i:n.i,o:Wt})})(this),this.v=e,this.i++,Ft++,le++;try{for(var t=this.t;t!==void 0;t=t.x)t.t.N()}finally{jt()}}}});function _(e,t){return new R(e,t)}function Ro(e){for(var t=e.s;t!==void 0;t=t.n)if(t.S.i!==t.i||!t.S.h()||t.S.i!==t.i)return!0;return!1}function Lo(e){for(var t=e.s;t!==void 0;t=t.n){var n=t.S.n;if(n!==void 0&&(t.r=n),t.S.n=t,t.i=-1,t.n===void 0){e.s=t;break}}}function Io(e){for(var t=e.s,n=void 0;t!==void 0;){var o=t.p;t.i===-1?(t.S.U(t),o!==void 0&&(o.n=t.n),t.n!==void 0&&(t.n.p=o)):n=t,t.S.n=t.r,t.r!==void 0&&(t.r=void 0),t=o}e.s=n}function Oe(e,t){R.call(this,void 0,t),this.x=e,this.s=void 0,this.g=Ft-1,this.f=4}Oe.prototype=new R;Oe.prototype.h=function(){if(this.f&=-3,1&this.f)return!1;if((36&this.f)==32||(this.f&=-5,this.g===Ft))return!0;if(this.g=Ft,this.f|=1,this.i>0&&!Ro(this))return this.f&=-2,!0;var e=P;try{Lo(this),P=this;var t=this.x();(16&this.f||this.v!==t||this.i===0)&&(this.v=t,this.f&=-17,this.i++)}catch(n){this.v=n,this.f|=16,this.i++}return P=e,Io(this),this.f&=-2,!0};Oe.prototype.S=function(e){if(this.t===void 0){this.f|=36;for(var t=this.s;t!==void 0;t=t.n)t.S.S(t)}R.prototype.S.call(this,e)};Oe.prototype.U=function(e){if(this.t!==void 0&&(R.prototype.U.call(this,e),this.t===void 0)){this.f&=-33;for(var t=this.s;t!==void 0;t=t.n)t.S.U(t)}};Oe.prototype.N=function(){if(!(2&this.f)){this.f|=6;for(var e=this.t;e!==void 0;e=e.x)e.t.N()}};Object.defineProperty(Oe.prototype,"value",{get:function(){if(1&this.f)throw new Error("Cycle detected");var e=Oo(this);if(this.h(),e!==void 0&&(e.i=this.i),16&this.f)throw this.v;return this.v}});function L(e,t){return new Oe(e,t)}function Ho(e){var t=e.j;if(e.j=void 0,typeof t=="function"){le++;var n=P;P=void 0;try{t()}catch(o){throw e.f&=-2,e.f|=8,Cn(e),o}finally{P=n,jt()}}}function Cn(e){for(var t=e.s;t!==void 0;t=t.n)t.S.U(t);e.x=void 0,e.s=void 0,Ho(e)}function ba(e){if(P!==this)throw new Error("Out-of-order effect");Io(this),P=e,this.f&=-2;try{8&this.f&&Cn(this)}finally{jt()}}function ze(e,t){this.x=e,this.j=void 0,this.s=void 0,this.u=void 0,this.f=32,this.name=t?.name,dt&&dt.push(this)}ze.prototype.c=function(){var e=this.S();try{if(8&this.f||this.x===void 0)return;var t=this.x();typeof t=="function"&&(this.j=t)}finally{e()}};ze.prototype.S=function(){if(1&this.f)throw new Error("Cycle detected");this.f|=1,this.f&=-9,Ho(this),Lo(this),le++;var e=P;return P=this,ba.bind(this,e)};ze.prototype.N=function(){2&this.f||(this.f|=2,this.u=pt,pt=this)};ze.prototype.d=function(){this.f|=8,1&this.f||Cn(this)};ze.prototype.dispose=function(){this.d()};function z(e,t){var n=new ze(e,t);try{n.c()}catch(r){throw n.d(),r}var o=n.d.bind(n);return o[Symbol.dispose]=o,o}var Wo,Bt,zt,_a=typeof window<"u"&&!!window.__PREACT_SIGNALS_DEVTOOLS__;var Fo=[];z(function(){Wo=this.N})();function Be(e,t){N[e]=t.bind(null,N[e]||function(){})}function mt(e){if(zt){var t=zt;zt=void 0,t()}zt=e&&e.S()}function jo(e){var t=this,n=e.data,o=$a(n);o.name="ReactiveDom",o.value=n;var r=It(function(){for(var l=t,c=t.__v;c=c.__;)if(c.__c){c.__c.__$f|=4;break}var p=L(function(){var u=o.value.value;return u===0?0:u===!0?"":u||""}),d=L(function(){return!Array.isArray(p.value)&&!fn(p.value)}),m=z(function(){if(this.N=zo,d.value){var u=p.value;l.__v&&l.__v.__e&&l.__v.__e.nodeType===3&&(l.__v.__e.data=u)}}),h=t.__$u.d;return t.__$u.d=function(){m(),h.call(this)},[d,p]},[]),a=r[0],i=r[1];return a.value?i.peek():i.value}jo.displayName="ReactiveTextNode";Object.defineProperties(R.prototype,{constructor:{configurable:!0,value:st(Ae,null).constructor},type:{configurable:!0,value:jo},props:{configurable:!0,get:function(){var e=this;return{data:{get value(){return e.value}}}}},__b:{configurable:!0,value:1}});Be("__b",function(e,t){if(mt(),Bt=void 0,typeof t.type=="string"){var n,o=t.props;for(var r in o)if(r!=="children"){var a=o[r];a instanceof R&&(n||(t.__np=n={}),n[r]=a,o[r]=a.peek())}}e(t)});Be("__r",function(e,t){if(e(t),t.type!==Ae){mt();var n,o=t.__c;o&&(o.__$f&=-2,(n=o.__$u)===void 0&&(o.__$u=n=(function(r,a){var i;return z(function(){i=this},{name:a}),i.c=r,i})((function(r){return function(){var a;_a&&((a=this.y)==null||a.call(this)),r.__$f|=1,r.setState({})}})(o),typeof t.type=="function"?t.type.displayName||t.type.name:""))),Bt=o,mt(n)}});Be("__e",function(e,t,n,o){mt(),Bt=void 0,e(t,n,o)});Be("diffed",function(e,t){mt(),Bt=void 0;var n;if(typeof t.type=="string"&&(n=t.__e)){var o=t.__np,r=t.props,a=n.U;if(a)for(var i in a){var l=a[i];l===void 0||o&&i in o||(l.d(),a[i]=void 0)}if(o){a||(a={},n.U=a);for(var c in o){var p=a[c],d=o[c];p===void 0?(p=wa(n,c,d,r),a[c]=p):p.o(d,r)}}}e(t)});function wa(e,t,n,o){var r=t in e&&e.ownerSVGElement===void 0,a=_(n);return{o:function(i,l){a.value=i,o=l},d:z(function(){this.N=zo;var i=a.value.value;o[t]!==i&&(o[t]=i,r?e[t]=i:i!=null&&(i!==!1||t[4]==="-")?e.setAttribute(t,i):e.removeAttribute(t))})}}Be("unmount",function(e,t){if(typeof t.type=="string"){var n=t.__e;if(n){var o=n.U;if(o){n.U=void 0;for(var r in o){var a=o[r];a&&a.d()}}}var i=t.__np;if(i){var l=t.props;for(var c in i)l[c]=i[c]}t.__np=void 0}else{var p=t.__c;if(p){p.__$f|=8;var d=p.__$u;d&&(p.__$u=void 0,d.d())}}e(t)});Be("__h",function(e,t,n,o){o<3&&(t.__$f|=2),e(t,n,o)});De.prototype.shouldComponentUpdate=function(e,t){if(this.__R)return!0;var n=this.__$u,o=n&&n.s!==void 0;for(var r in t)return!0;if(this.__f||typeof this.u=="boolean"&&this.u===!0){var a=2&this.__$f;if(!(o||a||4&this.__$f)||1&this.__$f)return!0}else if(!(o||4&this.__$f)||3&this.__$f)return!0;for(var i in e)if(i!=="__source"&&e[i]!==this.props[i])return!0;for(var l in this.props)if(!(l in e))return!0;return!1};function $a(e,t){return It(function(){return _(e,t)},[])}var ya=function(e){queueMicrotask(function(){queueMicrotask(e)})};function ka(){Tn(function(){for(var e;e=Fo.shift();)Wo.call(e)})}function zo(){Fo.push(this)===1&&(N.requestAnimationFrame||ya)(ka)}var Ue={"on-time":"On time","at-risk":"At risk",late:"Late",holding:"Holding",unknown:"Unknown"};function Re(e){let{backlog:t,oldest_age_seconds:n,drain_within_seconds:o}=e;if(n!==null&&n>o)return"late";if(t===null)return"unknown";if(e.hold)return"holding";let r=Mn(e);return e.late_jobs>0||r.kind==="over"||r.kind==="never"?"at-risk":r.kind==="unknown"?"unknown":"on-time"}function Mn(e){let{drain_eta_seconds:t,drain_within_seconds:n,backlog:o}=e;return t===null?{kind:o!==null&&e.partitions_known===e.partitions&&e.arrival_rate!==null?"never":"unknown"}:o===0?{kind:"clear"}:t>n?{kind:"over",seconds:t,over:t-n}:{kind:"within",seconds:t,spare:n-t}}var ce=.75;function Bo(e,t){if(e.kind!=="within"&&e.kind!=="over")return{done:0,over:0,isCut:!1};let n=e.seconds/t*ce;return{done:Math.min(n,ce),over:Math.max(0,Math.min(n,1)-ce),isCut:n>1}}function Ut(e){let t={base:0,burst:0,booting:0,max:0};for(let n of e)t[n.kind]+=n.ready+n.draining,t.booting+=n.booting,t.max+=n.max;return t}function ht(e,t){switch(t){case"action":return e.actions.length>0;case"hold":return e.hold!==null;case"trouble":return e.reasons.some(n=>n.trouble)}}function xa({verb:e,from:t,to:n}){return e==="ScaleBase"?(n??0)>(t??0):e==="Launch"||e==="Adopt"}function Gt(e){return ht(e,"action")?e.actions.some(xa)?"grow":"shrink":e.hold?"hold":ht(e,"trouble")?"trouble":"note"}var Vn=5;function Pn(e,t){return e<=0||t<=0?0:Math.max(1,Math.ceil(Math.min(1,e/t)*Vn))}var ae=class extends Error{constructor(n,o,r){super(n);this.status=o;this.problem=r}status;problem},Sa={"content-type":"application/json","x-spillway-request":"1"};async function Uo(e,t){let n;try{n=await fetch(`api/v1/${e}`,t)}catch(o){throw t.signal?.aborted?o:new ae("the controller does not answer",0,{})}if(!n.ok){let o=await n.json().catch(()=>({}));throw new ae(o.detail??`the controller answered ${n.status}`,n.status,o)}return n.status===204?null:await n.json()}function ue(e,t){return Uo(e,{headers:{accept:"application/json"},...t?{signal:t}:{}})}function gt(e,t,n="POST"){return Uo(e,{method:n,headers:Sa,body:JSON.stringify(t)})}function be(e,t,n){return gt(`policies/${encodeURIComponent(e)}/${t}`,n)}function _e(e){return e instanceof Error?e.message:String(e)}var E="unknown",Kt=new Intl.NumberFormat("en-US",{maximumFractionDigits:0}),On=new Intl.NumberFormat("en-US",{minimumFractionDigits:1,maximumFractionDigits:1}),Na=new Intl.NumberFormat("en-US",{minimumFractionDigits:2,maximumFractionDigits:2});function K(e){return e!=null&&Number.isFinite(e)}function f(e){return K(e)?Kt.format(e):E}function J(e){if(!K(e))return E;let t=Math.abs(e);for(let[n,o]of[[1e9,"G"],[1e6,"M"],[1e3,"k"]])if(t>=n*.99995){let r=e/n,a=Math.abs(r)<9.95?1:0;return`${r.toFixed(a).replace(/\.0$/,"")}${o}`}return Number.isInteger(e)?String(e):On.format(e).replace(/\.0$/,"")}function D(e){return K(e)?`${Math.abs(e)<99.95?On.format(e):Kt.format(e)}/s`:E}var Dn=86400,An=3600,Ge=60;function w(e){if(!K(e))return E;if(e<0)return`−${w(-e)}`;let t=Math.round(e);if(t<Ge)return`${t}s`;if(t<An)return En(Math.floor(t/Ge),"m",t%Ge,"s");let n=Math.round(t/Ge);if(t<Dn&&n<Dn/Ge)return En(Math.floor(n/60),"h",n%60,"m");let o=Math.round(t/An);return En(Math.floor(o/24),"d",o%24,"h")}function En(e,t,n,o){return n===0?`${e}${t}`:`${e}${t} ${n}${o}`}function y(e){return K(e)?e<0?`−${y(-e)}`:e>0&&e<5e-5?"<$0.0001":e>0&&e<.09995?`$${e.toFixed(4)}`:`$${Na.format(e)}`:E}function H(e){return K(e)?`${y(e)}/h`:E}function Y(e){return K(e)?`${Kt.format(e*100)}%`:E}function Rn(e){if(!K(e))return E;for(let[t,n]of[[1e9,"GB"],[1e6,"MB"],[1e3,"kB"]])if(e>=t)return`${On.format(e/t)} ${n}`;return`${Kt.format(e)} B`}function de(e,t){return`${f(e)} ${t}${e===1?"":"s"}`}function T(e){let t=Date.parse(e.replace(/(\.\d{3})\d+/,"$1"));return Number.isNaN(t)?null:t/1e3}var Ta=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),Ca=new Intl.DateTimeFormat("en-GB",{year:"numeric",month:"short",day:"numeric",hour:"2-digit",minute:"2-digit",second:"2-digit",timeZoneName:"short"});function V(e){return K(e)?Ta.format(e*1e3):E}function we(e,t){let[n,o]=[T(e),t===void 0?null:T(t)];return n===null||o===null?null:Math.abs(n-o)}function qt(e){return K(e)&&e<1.5?"now":K(e)?`${w(e)} ago`:E}function Ke(e){return K(e)?Ca.format(e*1e3):E}var Ma=new Intl.DateTimeFormat("en-GB",{weekday:"short",day:"numeric",month:"short"});function oe(e){return K(e)?Ma.format(e*1e3):E}function Va(e){return e.replace(/_(seconds|per_hour)$/,(t,n)=>n==="per_hour"?" now":"").replaceAll("_"," ")}function Pa(e,t){return e==="drain_eta_seconds"&&t===null?"never or unknown":t==null?E:typeof t=="boolean"?t?"yes":"no":typeof t=="string"?Ea(t)??t:typeof t!="number"?JSON.stringify(t):e.endsWith("_seconds")?w(t):e.endsWith("_per_hour")?H(t):/(^|_)(cost|dollars|budget|price|spent)(_|$)/.test(e)?y(t):/(^|_)rate(_|$)/.test(e)?D(t):e.endsWith("_ratio")?Y(t):Number.isInteger(t)?f(t):String(Number(t.toPrecision(4)))}function Ea(e){let t=/^(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/i.exec(e);if(!t||e.length<3)return null;let[,n,o=0,r=0,a=0,i=0]=t,l=Number(o)*Dn+Number(r)*An+Number(a)*Ge+Number(i);return w(n?-l:l)}function Ln(e,t=[]){return Object.entries(e).flatMap(([n,o])=>{let r=[...t,Va(n)];return o!==null&&typeof o=="object"?Ln(o,r):[[r.join(" › "),Pa(n,o)]]})}var vt=["backlog","oldest_age_seconds","drain_eta_seconds","arrival_rate","service_rate","base","burst","booting","desired","cost_per_hour","burst_cost_per_hour"],Aa=["backlog","oldest_age_seconds","drain_eta_seconds"],qe=class e{constructor(t=1,n=3600){this.step=t;this.span=n}step;span;at=[];columns=Object.fromEntries(vt.map(t=>[t,[]]));marks=[];#e=-1/0;static of(t,n,o){let r=new e(t.step_seconds,o),{at:a,series:i,pools:l}=t;r.at.push(...a),r.#e=a.at(-1)??-1/0;let{columns:c}=r;for(let d of vt)d in i&&(c[d]=i[d].slice());let p=(d,...m)=>{let h=Object.entries(l).filter(([u])=>d(n.get(u)??"burst")).flatMap(([,u])=>m.map(g=>u[g]));return a.map((u,g)=>h.reduce(($,v)=>Oa($,v[g]),null))};return c.base=p(d=>d==="base","ready","draining"),c.burst=p(d=>d!=="base","ready","draining"),c.booting=p(()=>!0,"booting"),c.desired=p(()=>!0,"desired"),r.marks=t.markers.flatMap(Ra).sort((d,m)=>m.id-d.id),r}push(t){let{at:n,columns:o}=this,r=n.length-1;if(!(r>=0&&t.at<=n[r])){if(t.at<this.#e+this.step*.75){n[r]=t.at;for(let a of vt){let i=o[a][r]??null,l=t[a];o[a][r]=Aa.includes(a)&&i!==null&&l!==null?Math.max(i,l):l}return}this.#e=t.at,n.push(t.at);for(let a of vt)o[a].push(t[a]);this.#t(t.at-this.span)}}#t(t){let n=this.at.findIndex(o=>o>=t);if(!(n<30)){this.at.splice(0,n);for(let o of vt)this.columns[o].splice(0,n)}}mark(t){let n=T(t.at);if(n===null||this.marks.some(({id:a})=>a===t.id))return;let{id:o,sentence:r}=t;this.marks=[{id:o,at:n,kind:Gt(t),isOrder:!1,sentence:r},...this.marks].sort((a,i)=>i.id-a.id)}};function Oa(e,t){return t==null?e:(e??0)+t}function Ra({id:e,at:t,kind:n,launches:o,drains:r,trouble:a,hold:i,sentence:l}){let c=T(t);if(c===null)return[];let p=n==="order",d=p?"order":o>0?"grow":r>0?"shrink":i?"hold":a?"trouble":"note";return[{id:e,at:c,kind:d,isOrder:p,sentence:l}]}function In(e,t){let{base:n,burst:o,booting:r}=Ut(t.pools);return{at:T(e)??0,backlog:t.backlog,oldest_age_seconds:t.oldest_age_seconds,drain_eta_seconds:t.drain_eta_seconds,arrival_rate:t.arrival_rate,service_rate:t.service_rate,base:n,burst:o,booting:r,desired:t.pools.reduce((a,i)=>a+i.desired,0),cost_per_hour:t.cost_per_hour,burst_cost_per_hour:t.burst_cost_per_hour}}var La=2e3,F=_("connecting"),B=_(null),Xe=L(()=>B.value?.may_operate===!0),W=_(null),bt=_(null),Hn=_(performance.now()/1e3),Xt=L(()=>bt.value===null?null:Math.max(0,Hn.value-bt.value)),Ia=6,ye=L(()=>F.value==="lost"||(Xt.value??0)>Ia),_t=_(new URLSearchParams(location.search).get("policy")),Q=L(()=>{let e=W.value?.policies??[];return e.find(({name:t})=>t===_t.value)??e[0]??null}),re=L(()=>Q.value?.name??null),ke=_(3600),xe=_(new qe),Le=_(0),Ie=_(null),He=L(()=>`${re.value}
${ke.value}`);function Go(e,t){xe.value=t,Ie.value=e;let n=W.peek(),o=Q.peek();n&&o&&t.push(In(n.at,o)),Le.value+=1}var $e=_([]),Je=L(()=>$e.value.filter(e=>e.policy===re.value)),ie=_(new Set),Jt=_(null),j=_(null);function Ko(e){e.at!==W.peek()?.at&&(bt.value=performance.now()/1e3),W.value=e;let t=Q.peek();!t||Ie.peek()!==He.peek()||(xe.peek().push(In(e.at,t)),Le.value+=1)}function Ye(e){let t=new Map($e.peek().map(n=>[n.id,n]));for(let n of e)t.set(n.id,n);$e.value=[...t.values()].sort((n,o)=>o.id-n.id).slice(0,La)}function qo(e){_t.value=e,j.value=null;let t=new URL(location.href);t.searchParams.set("policy",e),history.pushState(null,"",t)}function U(e){return`${e}${e.includes("?")?"&":"?"}policy=${encodeURIComponent(re.value??"")}`}var Yt=_(0);function Se(e){e instanceof ae&&e.status===401&&(Yt.value+=1)}var Xo=_(0);function We(){Xo.value+=1}var Wn={value:null,error:null,at:0};function Z(e,t){let[n,o]=ut({...Wn,path:e}),r=Xo.value;return G(()=>{let a=new AbortController,i,l=async()=>{try{let c=await ue(e,a.signal);o({value:c,error:null,at:Date.now()/1e3,path:e})}catch(c){if(a.signal.aborted)return;o(p=>({...p.path===e?p:Wn,error:c,path:e})),Se(c)}i=setTimeout(l,t*1e3)};return l(),()=>{a.abort(),clearTimeout(i)}},[e,t,r]),n.path===e?n:Wn}function Jo({value:e,error:t,at:n}){return e!==null&&t!==null?`as of ${V(n)}; it cannot be read again`:""}var Qt=[["","Overview"],["timeline","Timeline"],["decisions","Decisions"],["fleet","Fleet"],["partitions","Partitions"],["market","Market"],["cost","Cost"],["what-if","What if"],["control","Control"],["health","Health"]],Yo=_(location.hash);addEventListener("hashchange",()=>{Yo.value=location.hash});var Qo=L(()=>Yo.value.replace(/^#\/?/,"").split("/")),pe=L(()=>Qt.find(([e])=>e===Qo.value[0])?.[0]??null),wt=L(()=>Qo.value[1]??""),Qe=L(()=>Qt.find(([e])=>e===pe.value)?.[1]??"Not found");function Zo(e){location.hash=`/${e}`}var $t=200,Ha=720,tr=1e3,nr=15e3,Wa=45,nn=null,Zt=tr,or,tn=performance.now();function Fn(){rr(),tn=performance.now();let e=new EventSource("api/v1/events");nn=e;let t=(n,o)=>e.addEventListener(n,r=>{tn=performance.now(),o(JSON.parse(r.data))});e.addEventListener("open",()=>{Zt=tr,tn=performance.now(),ie.value=new Set,Ie.value=null,F.value="live",We()}),t("state",n=>Ko(n)),t("decision",n=>{let o=n;Ye([o]),o.policy===re.peek()&&(xe.peek().mark(o),Le.value+=1)}),t("order",We),e.addEventListener("error",()=>{(F.peek()==="live"||bt.peek()!==null)&&(F.value="lost"),e.readyState===EventSource.CLOSED&&(Yt.value+=1,or=setTimeout(Fn,Zt),Zt=Math.min(Zt*2,nr))})}function rr(){clearTimeout(or),nn?.close(),nn=null}function Fa(){Hn.value=performance.now()/1e3,F.peek()==="live"&&performance.now()-tn>Wa*1e3&&(F.value="lost",Fn())}function en(e,t){let n=new Set;z(()=>{let o=e();if(o===null||n.has(o))return;let r=()=>{n.add(o),t(o).then(()=>n.delete(o)).catch(a=>{Se(a),setTimeout(()=>{n.delete(o),e()===o&&r()},nr/3)})};r()})}var er=()=>F.value==="live";async function ja(e){Ye(await ue(U(`decisions?limit=${$t}`))),ie.value=new Set([...ie.peek(),e])}async function za(e){let t=ke.peek(),n=await ue(U(`timeline?from=-${t}s&points=${Ha}`));if(He.peek()!==e)return;let o=new Map((Q.peek()?.pools??[]).map(({name:r,kind:a})=>[r,a]));Go(e,qe.of(n,o,t))}async function Ba(e){let t=await ue(`decisions/${e}`).catch(n=>{if(!(n instanceof ae)||n.status!==404)throw n;Jt.value=e});t&&(Ye([t]),t.policy!==re.peek()&&(_t.value=t.policy))}async function Ua(){B.value=await ue("session")}function ar(){setInterval(Fa,1e3),addEventListener("popstate",()=>{_t.value=new URLSearchParams(location.search).get("policy")}),en(()=>`${Yt.value}`,Ua),z(()=>{let e=B.value?.may_read;e&&!nn&&Fn(),e===!1&&(rr(),W.value=null,$e.value=[],F.value="connecting")}),en(()=>er()&&re.value!==null&&!ie.value.has(re.value)?re.value:null,ja),en(()=>er()&&re.value!==null&&Ie.value!==He.value?He.value:null,za),en(()=>{let e=pe.value==="decisions"&&ie.value.has(re.value??"")?wt.value:"";return/^\d+$/.test(e)&&!$e.peek().some(t=>t.id===Number(e))?e:null},Ba)}var sr=function(e,t,n,o){var r;t[0]=0;for(var a=1;a<t.length;a++){var i=t[a++],l=t[a]?(t[0]|=i?1:2,n[t[a++]]):t[++a];i===3?o[0]=l:i===4?o[1]=Object.assign(o[1]||{},l):i===5?(o[1]=o[1]||{})[t[++a]]=l:i===6?o[1][t[++a]]+=l+"":i?(r=e.apply(l,sr(e,l,n,["",null])),o.push(r),l[0]?t[0]|=2:(t[a-2]=0,t[a]=r)):o.push(l)}return o},ir=new Map;function lr(e){var t=ir.get(this);return t||(t=new Map,ir.set(this,t)),(t=sr(this,t.get(e)||(t.set(e,t=(function(n){for(var o,r,a=1,i="",l="",c=[0],p=function(h){a===1&&(h||(i=i.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?c.push(0,h,i):a===3&&(h||i)?(c.push(3,h,i),a=2):a===2&&i==="..."&&h?c.push(4,h,0):a===2&&i&&!h?c.push(5,0,!0,i):a>=5&&((i||!h&&a===5)&&(c.push(a,0,i,r),a=6),h&&(c.push(a,h,0,r),a=6)),i=""},d=0;d<n.length;d++){d&&(a===1&&p(),p(d));for(var m=0;m<n[d].length;m++)o=n[d][m],a===1?o==="<"?(p(),c=[c],a=3):i+=o:a===4?i==="--"&&o===">"?(a=1,i=""):i=o+i[0]:l?o===l?l="":i+=o:o==='"'||o==="'"?l=o:o===">"?(p(),a=1):a&&(o==="="?(a=5,r=i,i=""):o==="/"&&(a<5||n[d][m+1]===">")?(p(),a===3&&(c=c[0]),a=c,(c=c[0]).push(2,0,a),a=0):o===" "||o==="	"||o===`
`||o==="\r"?(p(),a=2):i+=o),a===3&&i==="!--"&&(a=4,c=c[0])}return p(),c})(e)),t),arguments,[])).length>1?t:t[0]}var s=lr.bind(st);function ee({text:e}){return s`<span class=${e===E?"unknown":""}>${e}</span>`}function S({kind:e="",children:t}){return s`<span class=${`chip chip-${e}`}>${t}</span>`}function yt({reasons:e}){return e.length===0?null:s`<ul class="reasons">
    ${e.map(t=>s`<li class=${t.trouble?"reason trouble":"reason"}>
        <span class="glyph" aria-hidden="true">${t.trouble?"!":"·"}</span>
        <span>
          ${t.trouble&&s`<span class="sr">Trouble: </span>`}${t.text}${" "}
          <code>${t.code}</code>
        </span>
      </li>`)}
  </ul>`}function te({of:e}){return s`<span class=${`swatch swatch-${e}`} aria-hidden="true"></span>`}function x({id:e,title:t,note:n,tools:o,class:r="",children:a}){return s`<section class=${`card ${r}`} id=${e} aria-labelledby=${`${e}-title`}>
    <div class="card-head">
      <h2 id=${`${e}-title`}>${t}</h2>
      ${n!==void 0&&s`<p class="note">${n}</p>`}
      ${o}
    </div>
    ${a}
  </section>`}function Ne({children:e}){return s`<p class="empty">${e}</p>`}function ne({of:e,children:t}){if(e.value!==null){let n=Jo(e);return s`${n&&s`<p class="aged" role="status">${n}</p>`}${t(e.value)}`}return e.error===null?s`<p class="empty loading">Reading …</p>`:s`<div class="empty" role="alert">
          <p>This could not be read: ${_e(e.error)}.</p>
          <button type="button" class="button" onClick=${We}>Try again</button>
        </div>`}function Ze({of:e,class:t=""}){return s`<dl class=${`facts ${t}`}>
    ${e.map(([n,o,r])=>s`<div key=${n}>
        <dt>${n}</dt>
        <dd>${typeof o=="string"?s`<${ee} text=${o} />`:o}</dd>
        ${r!==void 0&&s`<dd class="fact-note">${r}</dd>`}
      </div>`)}
  </dl>`}function on({share:e,of:t=""}){let n=`${Math.min(1,e??0)*100}%`,o=e===null?"meter-unknown":e>=1?"meter-full":e>=.8?"meter-near":"";return s`<span class=${`meter ${o} ${t}`} aria-hidden="true"><span style=${{width:n}}></span></span>`}function Te(e){return s`<div class="segments" role="group" aria-label=${e.label}>
    ${e.of.map(([t,n])=>s`<button type="button" aria-pressed=${e.value===t} onClick=${()=>e.choose(t)}>${n}</button>`)}
  </div>`}var jn=_(null);function kt(e){jn.value=e}var Ga=500;function zn(){return s`<label class="field">
    <span>Reason <em>kept with the order</em></span>
    <input name="reason" required maxlength=${Ga} autocomplete="off" />
  </label>`}function xt(){let[e,t]=ut(!1),[n,o]=ut("");return{isBusy:e,failure:n,give:async a=>{t(!0),o("");try{return await a(),We(),!0}catch(i){return Se(i),o(_e(i)),!1}finally{t(!1)}}}}function cr(){let e=X(null),{isBusy:t,failure:n,give:o}=xt(),r=jn.value;G(()=>{r?e.current?.showModal():e.current?.close()},[r]);let a=()=>{jn.value=null};return s`<dialog ref=${e} aria-labelledby="ask-title" onClose=${a}>
    ${r&&s`<form onSubmit=${async l=>{l.preventDefault();let c=String(new FormData(l.currentTarget).get("reason")).trim();r&&await o(()=>r.run(c))&&a()}}>
      <h2 id="ask-title">${r.title}</h2>
      <p>${r.text}</p>
      <${zn} />
      <p class="failure" role="alert">${n}</p>
      <div class="buttons">
        <button type="button" class="button" onClick=${a}>Leave it</button>
        <button class="button button-main" disabled=${t}>${r.button}</button>
      </div>
    </form>`}
  </dialog>`}function rn(){let e=B.value,{isBusy:t,failure:n,give:o}=xt(),r=i=>{i.preventDefault();let l=String(new FormData(i.currentTarget).get("token")).trim();o(async()=>{B.value=await gt("session",{token:l})})},a=e?.may_read===!0;return s`<${x} id="sign-in" title="Sign in" class="sign-in">
    <p>${a?"You may read. To order something, sign in as somebody who may.":"This controller shows itself to those it knows."}</p>
    ${e?.wants_token?s`<form onSubmit=${r}>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" required autocomplete="current-password" />
          </label>
          <p class="failure" role="alert">${n}</p>
          <button class="button button-main" disabled=${t}>Sign in</button>
        </form>`:s`<p class="note">
          ${e?.auth==="proxy"?"The proxy in front of it says who you are; it named nobody who may.":"Orders are taken from the controller's own machine only, at its loopback address."}
        </p>`}
  <//>`}var et=_(null),Bn=_(new Set),Un=100;function Ka(e,t,n){let o=t.find(({name:a})=>a===n?.column)?.by;if(!o||!n)return e;let r=n.isDown?-1:1;return[...e].sort((a,i)=>{let l=o(a),c=o(i);return l===null||c===null?+(l===null)-+(c===null):l<c?-r:l>c?r:0})}function qa({id:e,column:t}){let{name:n,title:o,by:r,isText:a}=t,i=et.value?.table===e&&et.value.column===n?et.value:null,l=()=>{let c=!a;et.value=i?i.isDown===c?{...i,isDown:!c}:null:{table:e,column:n,isDown:c}};return s`<th
    scope="col"
    role="columnheader"
    class=${a?"":"number"}
    title=${o}
    aria-sort=${i?i.isDown?"descending":"ascending":void 0}
  >
    ${r?s`<button type="button" class="sort" onClick=${l}>${n}<span aria-hidden="true">${i?i.isDown?" ↓":" ↑":""}</span></button>`:n}
  </th>`}var ur=e=>typeof e=="string"?s`<${ee} text=${e} />`:e;function I({id:e,label:t,columns:n,groups:o,keyOf:r,empty:a,rowClass:i}){let l=o.reduce((h,{rows:u})=>h+u.length,0),c=Bn.value.has(e),p=et.value?.table===e?et.value:null,d=c?1/0:Un,m=o.map(({key:h,head:u,rows:g})=>{let $=Ka(g,n,p).slice(0,d);return d-=$.length,s`<tbody key=${h} role="rowgroup">
      ${u&&s`<tr class="group-row" role="row"><th scope="rowgroup" role="rowheader" colspan=${n.length}>${u}</th></tr>`}
      ${$.map(v=>s`<tr key=${r(v)} role="row" class=${i?.(v)}>
          ${n.map(({name:k,show:b,more:C,isText:M},ot)=>{let rt=C?.(v),Ce=s`${ur(b(v))}${rt?s`<span class="second">${ur(rt)}</span>`:null}`;return ot===0?s`<th scope="row" role="rowheader"><div>${Ce}</div></th>`:s`<td role="cell" class=${M?"":"number"} data-label=${k}><div>${Ce}</div></td>`})}
        </tr>`)}
    </tbody>`});return s`<div class="table-place" tabindex="0" role="group" aria-label=${t}>
      <table id=${e} role="table" aria-label=${t}>
        <thead role="rowgroup"><tr role="row">${n.map(h=>s`<${qa} key=${h.name} id=${e} column=${h} />`)}</tr></thead>
        ${m}
      </table>
      ${l===0&&a&&s`<p class="empty">${a}</p>`}
    </div>
    ${l>Un&&s`<button
      type="button"
      class="button more"
      onClick=${()=>{let h=new Set(Bn.peek());h.delete(e)||h.add(e),Bn.value=h}}
    >
      ${c?`Show the first ${f(Un)}`:`Show all ${de(l,"row")}`}
    </button>`}`}var Xa=[[900,"15 minutes"],[3600,"1 hour"],[14400,"4 hours"],[43200,"12 hours"],[86400,"1 day"],[604800,"7 days"]];function Ja(){return s`<label class="field"><span>For</span>
    <select name="seconds">${Xa.map(([e,t])=>s`<option value=${e} selected=${e===3600}>${t}</option>`)}</select>
  </label>`}function pr({policy:e,what:t,button:n,children:o}){let{isBusy:r,failure:a,give:i}=xt();return s`<form onSubmit=${async c=>{c.preventDefault();let p=c.currentTarget,{seconds:d,workers:m,...h}=Object.fromEntries(new FormData(p)),u={...h,...m===void 0?{}:{workers:Number(m)},expires_in_seconds:Number(d)};await i(()=>be(e,t,u))&&p.reset()}}>
    <fieldset disabled=${!Xe.value||r}>
      <div class="fields">${o}<${Ja} /></div>
      <${zn} />
      <button class="button button-main">${n}</button>
    </fieldset>
    <p class="failure" role="alert">${a}</p>
  </form>`}function fr({of:{by:e,at:t,until:n,reason:o}}){return s`<p class="sentence">“${o}”</p>
    <p class="meta"><span>by ${e}, ${oe(T(t))} ${V(T(t))}</span>
    ${n&&s`<span>ends in ${w(we(n,W.value?.at))}, at ${Ke(T(n))}</span>`}</p>`}function Ya({policy:{name:e,pause:t}}){let n=()=>kt({title:`Resume ${e}?`,text:"From the next tick on it buys, gives back and scales again.",button:"Resume",run:o=>be(e,"resume",{reason:o})});return s`<${x} id="pause" title="Pause" class="half" note=${t?s`<${S} kind="trouble">Paused<//>`:"not paused"}>
    ${t?s`<${fr} of=${t} /><button type="button" class="button button-main" disabled=${!Xe.value} onClick=${n}>Resume</button>`:s`<p class="explain">Nothing is bought, given back or scaled. What was begun is finished, and dead machines are still ended: money stops as ever.</p>
          <${pr} policy=${e} what="pause" button="Pause" />`}
  <//>`}var mr={fixed:"exactly",floor:"at least"};function Qa({policy:{name:e,overrides:t,pools:n}}){let o=n.filter(({kind:a})=>a==="burst"),r=({pool:a})=>kt({title:`Release ${a}?`,text:"From the next tick on the planner alone says how many machines it has.",button:"Release",run:i=>be(e,"release",{pool:a,reason:i})});return s`<${x} id="override" title="Override" class="half" note=${t.length===0?"none":void 0}>
    ${t.map(a=>s`<div class="part" key=${a.id}>
        <h3>${a.pool}: ${a.shape&&mr[a.shape]} ${f(a.workers)}</h3>
        <${fr} of=${a} />
        <button type="button" class="button" disabled=${!Xe.value} onClick=${()=>r(a)}>Release</button>
      </div>`)}
    ${o.length===0?s`<${Ne}>The policy names no place where machines can be bought.<//>`:s`<p class="explain">So many machines of a bought pool, whatever the planner thinks. Caps and budgets hold all the same.</p>
          <${pr} policy=${e} what="override" button="Override">
            <label class="field"><span>Pool</span><select name="pool">${o.map(a=>s`<option>${a.name}</option>`)}</select></label>
            <label class="field"><span>Shape</span><select name="shape"><option value="floor">at least</option><option value="fixed">exactly</option></select></label>
            <label class="field"><span>Machines</span><input name="workers" type="number" min="0" max="10000" required value="1" /></label>
          <//>`}
  <//>`}var Za=[{name:"When",isText:!0,by:e=>e.at,show:e=>s`<time datetime=${e.at}>${oe(T(e.at))} ${V(T(e.at))}</time>`},{name:"Who",isText:!0,by:e=>e.by,show:e=>e.by??"nobody known",more:e=>[e.known_by,e.from].filter(Boolean).join(", ")},{name:"What",isText:!0,by:e=>e.kind,show:e=>`${e.kind} ${e.intent??e.pool??""} ${e.shape?`${mr[e.shape]??e.shape} ${f(e.workers)}`:""}`.trim(),more:e=>e.until&&`until ${oe(T(e.until))} ${V(T(e.until))}`},{name:"Why",isText:!0,show:e=>e.reason??"–"},{name:"Outcome",isText:!0,show:e=>e.accepted?s`<${S} kind="action">accepted<//>`:s`<${S} kind="bad">refused<//>`,more:e=>e.refusal}],dr=_(!1);function ei({who:e}){if(e.known_by!=="token"&&e.known_by!=="kubernetes")return null;let t=async()=>{dr.value=!0,await gt("session",{},"DELETE").catch(()=>{}),location.reload()};return s`<p class="note">Signed in as ${e.user}. <button type="button" class="button small" disabled=${dr.value} onClick=${t}>Sign out</button></p>`}function hr({policy:e}){let t=Z(U("orders?limit=200"),30),n=B.value;return s`${n&&!n.may_operate&&s`<div class="whole"><${rn} /></div>`}
    <${Ya} policy=${e} />
    <${Qa} policy=${e} />
    <${x} id="audit" title="Who ordered what" class="whole" note="refused orders too">
      <${ne} of=${t}>
        ${o=>s`<${I} id="audit-table" label="Orders" columns=${Za} groups=${[{key:"all",rows:o}]} keyOf=${r=>r.id} empty="Nobody has ordered anything yet." />`}
      <//>
      ${n&&s`<${ei} who=${n} />`}
    <//>`}var ti=[{name:"Pool",isText:!0,by:e=>e.pool,show:e=>e.pool},{name:"Now",by:e=>e.per_hour,show:e=>H(e.per_hour)},{name:"Today",by:e=>e.today,show:e=>y(e.today)},{name:"Of it idle",title:"Ready workers that had nothing to do",by:e=>e.idle_today,show:e=>y(e.idle_today)},{name:"Images today",by:e=>e.images_today,show:e=>f(e.images_today)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)},{name:"In all",by:e=>e.total,show:e=>y(e.total)}];function gr({base:e,burst:t,most:n}){let o=(r,a)=>s`<span class=${`swatch-${a}`} style=${{width:`${r/n*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">${o(e,"base")}${o(t,"burst")}</span>`}var Gn=({base:e,burst:t})=>e===null&&t===null?null:(e??0)+(t??0);function ni(e){return[{name:"Day",isText:!0,by:t=>t.day,show:t=>t.day},{name:"Base and burst",isText:!0,show:({base:t,burst:n})=>s`<${gr} base=${t??0} burst=${n??0} most=${e} />`},{name:"Base",by:t=>t.base,show:t=>y(t.base)},{name:"Burst",by:t=>t.burst,show:t=>y(t.burst)},{name:"Total",by:Gn,show:t=>y(Gn(t))},{name:"Images",by:t=>t.images,show:t=>f(t.images)},{name:"Late at worst",title:"The most jobs that were foreseen to be late at any moment",by:t=>t.late_jobs_max,show:t=>f(t.late_jobs_max)}]}function oi({cost:{hybrid:e,all_cloud:t,today:n}}){if(!t)return s`<${Ne}>The policy names no offer: there is nothing to compare with.<//>`;let o=Math.max(e.today??0,t.today??0)||1,r=(l,{today:c,dollars_per_hour:p},d,m)=>s`<div class="versus">
    <span>${l}</span>
    <${gr} base=${d} burst=${m} most=${o} />
    <strong><${ee} text=${y(c)} /></strong>
    <span class="note">${H(p)}</span>
  </div>`,a=e.today!==null&&t.today!==null&&t.today>0?1-e.today/t.today:null,i=a===null?"How they compare is unknown.":a>=0?`Hybrid costs ${Y(a)} less today.`:`Hybrid costs ${Y(-a)} more today.`;return s`${r("Base and burst, as it is",e,n.base??0,n.burst??0)}${r(`All in the cloud, ${t.pool}`,t,0,t.today??0)}
    <p class="verdict">${i}</p>
    <p class="note">${t.how}</p>`}function ri({cost:e}){let{today:t,forecast:n,budget:o,per_1000_images:r,idle_share:a}=e,i=({base:c,burst:p})=>`base ${y(c)}, burst ${y(p)}`,l=(c,p)=>p===null?"no limit":s`<span>${c===null?E:Y(c)}<${on} share=${c} /></span>`;return s`<${x} id="today" title="Today" class="whole" note=${`since ${V(T(t.since)).slice(0,5)} here, midnight UTC`}>
    <${Ze}
      class="big"
      of=${[["So far",y(t.total),i(t)],["Forecast to midnight",y(n.total),`${i(n)}; ${n.how}`],["Burst of the day's budget",l(o.used_day_share,o.per_day),o.per_day===null?"":`${y(o.spent_today)} of ${y(o.per_day)}`],["Burst of the hour's budget",l(o.used_hour_share,o.per_hour),o.per_hour===null?"":`of ${y(o.per_hour)} in any hour`],["A thousand images",y(r),"at today's mix"],["Idle",Y(a),"of what was paid for ready workers"]]}
    />
  <//>`}function vr(e){let t=Z(U("cost?days=14"),15);return s`<${ne} of=${t}>
    ${n=>{let o=n.days.reduce((r,a)=>Math.max(r,Gn(a)??0),0)||1;return s`<${ri} cost=${n} />
        <${x} id="versus" title="Hybrid against all-cloud" class="whole" note="the same images of today"><${oi} cost=${n} /><//>
        <${x} id="by-pool" title="By pool" class="whole"><${I} id="cost-pools" label="Cost by pool" columns=${ti} groups=${[{key:"all",rows:n.pools}]} keyOf=${r=>r.pool} /><//>
        <${x} id="by-day" title="By day" class="whole" note="UTC"><${I} id="cost-days" label="Cost by day" columns=${ni(o)} groups=${[{key:"all",rows:n.days}]} keyOf=${r=>r.day} empty="No day is over yet." /><//>`}}
  <//>`}var ai=[[null,"All"],["action","Actions"],["hold","Holds"],["trouble","Trouble"]],br=_(null),Kn=_("");function ii(e){let t=new Map;for(let{verb:n,pool:o,from:r,to:a}of e){let i=n==="ScaleBase"?`scale
${o} ${r} → ${a}`:`${n.toLowerCase()}
${o}`;t.set(i,(t.get(i)??0)+1)}return[...t].map(([n,o])=>{let[r="",a=""]=n.split(`
`);return o>1?`${r} ${o} × ${a}`:`${r} ${a}`})}function wr({decision:e}){let t=e.reasons.filter(i=>i.trouble).length,{violations:n,hold:o,actions:r,mode:a}=e;return s`<span class="entry-chips">
    ${n.length>0&&s`<${S} kind="bad">Refused by the checker<//>`}
    ${a==="Recommend"&&r.length>0&&s`<${S}>Not carried out<//>`}
    ${ii(r).map(i=>s`<${S} kind="action">${i}<//>`)}
    ${o&&s`<${S}>Hold<//>`}
    ${t>0&&s`<${S} kind="trouble">${t>1?`${t} troubles`:"Trouble"}<//>`}
  </span>`}function qn({decision:e}){let t=wt.value===String(e.id);return s`<a class="entry" href=${`#/decisions/${e.id}`} aria-current=${t?"true":void 0}>
    <span class=${`marker marker-${Gt(e)}`} aria-hidden="true"></span>
    <time class="entry-time" datetime=${e.at}>${V(T(e.at))}</time>
    <span class="entry-text">${e.sentence}</span>
    <${wr} decision=${e} />
  </a>`}var si={Done:"done",NotLaunched:"not launched",Unknown:"outcome unknown",Failed:"failed"};function li({of:e}){if(e===null)return s`<${S}>no outcome yet<//>`;let t=e.outcome==="Done"?"action":"trouble";return s`<${S} kind=${t}>${si[e.outcome]??e.outcome}<//>${e.detail&&s` <span class="note">${e.detail}</span>`}`}function ci({actions:e}){return s`<ul class="actions">
    ${e.map(t=>s`<li>
        <strong>${t.verb==="ScaleBase"?"Scale":t.verb}</strong> ${t.pool} <span class="mono">${t.verb==="ScaleBase"?`${t.from} → ${t.to}`:t.intent}</span>${" "}
        <${li} of=${t.outcome} />
        <span class="action-why">${t.why} <code>${t.code}</code></span>
      </li>`)}
  </ul>`}var ui=e=>e.replace(/(?<=[a-z])[A-Z]/g,t=>` ${t}`).toLowerCase(),di=[{name:"Pool",isText:!0,show:({pool:e})=>e},{name:"Verdict",isText:!0,show:({verdict:e,launched:t})=>s`<${S} kind=${e==="Chosen"?"action":""}>${ui(e)}${t>0?` × ${t}`:""}<//>`,more:({why:e})=>e},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)},{name:"Ready in",by:e=>e.boot_seconds,show:e=>w(e.boot_seconds)},{name:"Counted on",by:e=>e.rate_counted_on,show:e=>D(e.rate_counted_on)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"Running",by:e=>e.running,show:e=>`${f(e.running)} of ${f(e.max)}`}];function _r({numbers:e}){return s`<dl class="numbers">
    ${Ln(e).map(([t,n])=>s`<div key=${t}><dt>${t}</dt><dd class=${n===E?"unknown":""}>${n}</dd></div>`)}
  </dl>`}function Fe({title:e,children:t}){return s`<div class="part"><h3>${e}</h3>${t}</div>`}function pi({id:e}){let t=Je.value,n=t.findIndex(r=>r.id===e),o=(r,a)=>r&&s`<a href=${`#/decisions/${r.id}`}>${a} #${r.id}</a>`;return s`<nav class="meta neighbours" aria-label="Neighbouring decisions">${o(t[n+1],"Before: ")}${n>0&&o(t[n-1],"After: ")}</nav>`}function fi({decision:e}){let{id:t,at:n,sentence:o,hold:r,violations:a,actions:i,reasons:l,alternatives:c,numbers:p,desired:d,revision:m}=e;return s`<p class="sentence">${o}</p>
    <p class="meta">
      <a href=${`#/decisions/${t}`}>#${t}</a> <time datetime=${n}>${Ke(T(n))}</time>
      <span>policy revision <code>${m}</code></span>
      <a href=${`api/v1/decisions/${t}`}>JSON</a>
    </p>
    <${wr} decision=${e} />
    ${a.length>0&&s`<${Fe} title="Refused by the checker: nothing was carried out"><ul class="actions">${a.map(h=>s`<li>${h}</li>`)}</ul><//>`}
    ${r&&s`<${Fe} title="Held"><${yt} reasons=${[r]} /><//>`}
    ${i.length>0&&s`<${Fe} title="Actions"><${ci} actions=${i} /><//>`}
    ${l.length>0&&s`<${Fe} title="Reasons"><${yt} reasons=${l} /><//>`}
    ${c.length>0&&s`<${Fe} title="What could have been bought, the cheapest first">
      <${I} id="alternatives" label="Alternatives" columns=${di} groups=${[{key:"all",rows:c}]} keyOf=${h=>h.pool} />
    <//>`}
    <${Fe} title="Decided upon"><${_r} numbers=${p} /><//>
    <${Fe} title="Machines wanted"><${_r} numbers=${d} /><//>
    <${pi} id=${t} />`}function mi({id:e}){let t=X(null),n=$e.value.find(a=>String(a.id)===e),o=Jt.value===e?`Decision #${e} is not kept any more, or never was.`:"Reading the decision …";return G(()=>{t.current?.focus({preventScroll:!0}),t.current?.scrollIntoView({block:"nearest"})},[e,n!==void 0]),s`<${x} id="decision" title=${`Decision #${e}`} tools=${s`<a class="to" href="#/decisions">Close</a>`}>
    <div ref=${t} tabindex="-1" class="detail">${n?s`<${fi} decision=${n} />`:s`<p class="empty" role="status">${o}</p>`}</div>
  <//>`}var je=_("");async function hi(){let e=Je.peek().at(-1);if(e){je.value="busy";try{let t=await ue(U(`decisions?limit=${$t}&before=${e.id}`));Ye(t),je.value=t.length<$t?"all":""}catch(t){je.value=_e(t)}}}function gi(e,t){let{id:n,sentence:o,hold:r,reasons:a,actions:i}=e,l=[...r?[r]:[],...a,...i].map(({code:c})=>c);return[`#${n}`,o,...l,...i.map(({pool:c,intent:p})=>`${c} ${p}`)].join(`
`).toLowerCase().includes(t)}function vi(e){let t=new Map;for(let n of e){let o=oe(T(n.at));t.set(o,[...t.get(o)??[],n])}return[...t]}function bi(e,t){return e?"No decision like this among those read so far.":t?"Nothing has been decided yet: the first decision comes with the first look at the backlog.":"Reading the log …"}function _i({policy:e}){let t=Je.value,n=br.value,o=Kn.value.trim().toLowerCase(),r=t.filter(i=>(!n||ht(i,n))&&(!o||gi(i,o))),a=ie.value.has(e.name);return s`<${x}
    id="log"
    title="Decisions"
    note=${s`<a href=${`api/v1/${U("decisions?limit=1000")}`}>JSON</a>`}
    tools=${s`<${Te}
      label="Show"
      of=${ai.map(([i,l])=>[i,s`${l} <span class="segment-count">${f(i?t.filter(c=>ht(c,i)).length:t.length)}</span>`])}
      value=${n}
      choose=${i=>{br.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a word, a code, a pool"
      aria-label="Find in decisions"
      value=${Kn.value}
      onInput=${i=>{Kn.value=i.currentTarget.value}}
    />
    ${r.length===0?s`<${Ne}>${bi(t.length>0,a)}<//>`:vi(r).map(([i,l])=>s`<h3 class="day">${i}</h3>
            <ol class="entries" aria-label=${`Decisions of ${i}, newest first`}>
              ${l.map(c=>s`<li key=${c.id}><${qn} decision=${c} /></li>`)}
            </ol>`)}
    ${a&&t.length>=$t&&je.value!=="all"&&s`<p><button type="button" class="button more" disabled=${je.value==="busy"} onClick=${hi}>Older decisions</button>
      <span role="status">${je.value==="busy"?"":je.value}</span></p>`}
  <//>`}function $r({policy:e}){let t=wt.value;return s`<div class=${t?"decisions has-chosen":"decisions"}>
    <${_i} policy=${e} />
    ${t&&s`<${mi} id=${t} />`}
  </div>`}var Xn=_(""),St=_(null),yr=["booting","starting","ready","draining","stopped"];function wi(e,{id:t,intent:n,pool:o}){kt({title:`Drain ${t}?`,text:`It finishes what it has, commits, and its machine is given back. Another of ${o} may be bought if the deadline needs it.`,button:"Drain",run:r=>be(e,`instances/${encodeURIComponent(n??"")}/drain`,{reason:r})})}function $i({policy:e,worker:t}){return t.ordered_drain?s`<${S}>ordered by ${t.ordered_drain.by}<//>`:!t.can_drain||!Xe.value?null:s`<button type="button" class="button small" aria-label=${`Drain ${t.id}`} onClick=${()=>wi(e,t)}>Drain</button>`}var Jn=({cloud:e,region:t,zone:n,market:o})=>[e,n||t,o].filter(Boolean).join(" · ");function yi({last_seen_seconds:e,phase:t,interruption_at:n}){return n?`taken back in ${w(we(n,W.value?.at))}`:e===null?t==="booting"?"not heard of yet":"last heard of: unknown":e<3.5?"":`heard of ${w(e)} ago`}function ki({billing_boundary_seconds:e,is_burst:t}){return t?e===null?"minimum unknown":e>0?`paid for ${w(e)} more`:"by the second":""}var xi=[{name:"Worker",isText:!0,by:({id:e})=>e,show:({id:e})=>s`<span class="id" title=${e}>${e}</span>`,more:({node:e})=>e??""},{name:"Phase",isText:!0,by:e=>yr.indexOf(e.phase),show:e=>s`<span class=${`phase phase-${e.phase}`}>${e.phase}</span>`,more:yi},{name:"Age",by:e=>e.age_seconds,show:e=>w(e.age_seconds),more:ki},{name:"Offer",isText:!0,by:Jn,show:e=>e.machine||(e.is_burst?E:"our own"),more:Jn},{name:"GPU",isText:!0,by:({gpu:e})=>e,show:({gpu:e,phase:t})=>e??(t==="booting"?"–":E)},{name:"Cost",title:"Accrued, and the price an hour",by:e=>e.cost,show:e=>y(e.cost),more:e=>H(e.price_per_hour)},{name:"Images/s",by:e=>e.rate,show:e=>D(e.rate).replace("/s",""),more:e=>e.busy_share===null?"":`${Y(e.busy_share)} busy`},{name:"Done",title:"Images done, and in flight",by:e=>e.images_done,show:e=>f(e.images_done),more:e=>e.in_flight===null?"":`${f(e.in_flight)} in flight`},{name:"$/million",title:"Dollars for a million images at its present speed",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million),more:e=>e.partitions===null?"":de(e.partitions,"partition")}];function Si(e){let t=[`${f(e.ready)} ready`];return e.booting>0&&t.push(`${f(e.booting)} booting`),e.draining>0&&t.push(`${f(e.draining)} draining`),`${t.join(", ")}; ${f(e.desired)} wanted, ${f(e.max)} at most`}function Ni(e,t){return s`<span class="pool">
    <span class="pool-name"><${te} of=${t?.kind??""} />${e}</span>
    ${t?s`<span>${Si(t)}</span><span>${H(t.price_per_hour)} each</span><span>${t.cost_today===null?"cost of today unknown":`${y(t.cost_today)} today`}</span>`:s`<span>no longer in the policy</span>`}
  </span>`}var Ti=(e,t)=>t.age_seconds-e.age_seconds||(e.id<t.id?-1:1);function Ci({pools:e},t){return[...new Set([...e.map(({name:o})=>o),...t.map(({pool:o})=>o)])].map(o=>({key:o,head:Ni(o,e.find(r=>r.name===o)),rows:t.filter(({pool:r})=>r===o).sort(Ti)}))}function Mi(e,t){let{id:n,pool:o,gpu:r,node:a,machine:i,intent:l}=e;return!t||[n,o,r,a,i,l,Jn(e)].join(`
`).toLowerCase().includes(t)}function kr({policy:e}){let{workers:t}=e,n=Xn.value.trim().toLowerCase(),o=t.filter(i=>(St.value===null||i.phase===St.value)&&Mi(i,n)),r={name:"Order",isText:!0,show:i=>s`<${$i} policy=${e.name} worker=${i} />`},a=yr.filter(i=>t.some(l=>l.phase===i)||i===St.value);return s`<${x}
    id="fleet"
    title="Fleet"
    class="whole"
    note=${de(t.length,"worker")}
    tools=${s`<${Te}
      label="Phase"
      of=${[[null,"All"],...a.map(i=>[i,s`${i} <span class="segment-count">${f(t.filter(l=>l.phase===i).length)}</span>`])]}
      value=${St.value}
      choose=${i=>{St.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a worker, a node, a machine, a zone"
      aria-label="Find in the fleet"
      value=${Xn.value}
      onInput=${i=>{Xn.value=i.currentTarget.value}}
    />
    <${I}
      id="fleet-table"
      label="Workers by pool"
      columns=${[...xi,r]}
      groups=${Ci(e,o)}
      keyOf=${i=>i.id}
      empty=${t.length===0?"No machine is there and no worker has been heard of.":"No worker is like this."}
    />
  <//>`}var xr={ok:["action","well"],warn:["trouble","look at it"],fail:["bad","failing"],unknown:["","unknown"]},Yn=["fail","warn","unknown","ok"],Vi=[{name:"What",isText:!0,by:e=>e.name,show:e=>e.name},{name:"State",isText:!0,by:e=>Yn.indexOf(e.status),show:({status:e})=>s`<${S} kind=${xr[e]?.[0]}>${xr[e]?.[1]??e}<//>`,more:({since:e,status:t})=>e&&t!=="ok"&&`since ${V(T(e))}`},{name:"Detail",isText:!0,show:e=>e.detail},{name:"Heard",by:e=>e.age_seconds,show:e=>e.age_seconds===null?"never":qt(e.age_seconds)}];function Pi(e){let t=e.filter(({status:n})=>n!=="ok").length;return t===0?`all ${f(e.length)} are well`:`${f(t)} of ${f(e.length)} need a look`}function Ei({policy:{leader:e,loop:t,orphans:n,signal_age_seconds:o}}){let r=we(e.since,W.value?.at);return s`<${x} id="now" title="Now" class="whole">
    <${Ze}
      of=${[["Lag read",qt(o.backlog)],["Heartbeats read",qt(o.workers)],["Leads",e.is_leader?e.identity??"this one":"another",`token ${e.token}, for ${w(r)}`],["Last tick took",`${(t.tick_seconds*1e3).toFixed(1)} ms`,`${f(t.ticks)} ticks${t.panics===void 0?"":`, ${f(t.panics)} panics`}`],["Machines without an intent",n===null?"unknown":f(n),n===null?"no provider could be asked":"they are ended"]]}
    />
  <//>`}function Sr({policy:e}){let t=Z("health",5);return s`<${Ei} policy=${e} />
    <${ne} of=${t}>
      ${({checks:n,history:o,streams:r,config:a,uptime_seconds:i,version:l})=>{let c=[...n].sort((p,d)=>Yn.indexOf(p.status)-Yn.indexOf(d.status));return s`<${x} id="checks" title="Reachability" class="whole" note=${Pi(n)}>
            <${I} id="checks-table" label="Checks" columns=${Vi} groups=${[{key:"all",rows:c}]} keyOf=${p=>p.name} />
          <//>
          <${x} id="memory" title="History" class="half" note="what explains, replays and draws the past">
            <${Ze}
              of=${[["Reaches back to",o.oldest===null?"nothing kept yet":Ke(T(o.oldest))],["Size",Rn(o.bytes),`of ${Rn(o.bytes_max)}, ${f(o.days_max)} days`],["Decisions",f(o.decisions)],["Samples",f(o.samples)]]}
            />
          <//>
          <${x} id="config" title="This controller" class="half">
            <${Ze}
              of=${[["Up for",w(i),`Spillway ${l}`],["Open streams",`${f(r.open)} of ${f(r.max)}`,`${f(r.dropped)} dropped`],["Listens at",a.listen,`who may: ${a.auth}`],["Policy revision",a.policy_revision,a.kubernetes?"from Kubernetes":"from a file"]]}
            />
          <//>`}}
    <//>`}var Di={policy:"as configured",measured:"measured",provider:"by provider"};function Qn({from:e,age_seconds:t}){return`${Di[e]}${t===null?"":`, ${w(t)} ago`}`}function Ai(e,t){return[{name:"Pool",isText:!0,by:({pool:n})=>n,show:({pool:n})=>n,more:({cloud:n,machine:o})=>[n,o].filter(Boolean).join(" · ")},{name:"Where",isText:!0,by:n=>n.zone||n.region,show:n=>n.zone||n.region||"this machine",more:n=>n.market},{name:"$ per million",by:n=>n.dollars_per_million,show:n=>s`<span class=${n.dollars_per_million===null?"rank rank-unknown":"rank"} aria-hidden="true"><span style=${{width:`${(n.dollars_per_million??0)/e*100}%`}}></span></span> <strong>${y(n.dollars_per_million)}</strong>`,more:n=>n.transfer_per_million?`transfer ${y(n.transfer_per_million)}`:""},{name:"Price",by:n=>n.price_per_hour.value,show:n=>H(n.price_per_hour.value),more:n=>Qn(n.price_per_hour)},{name:"Each does",by:n=>n.images_per_second.value,show:n=>D(n.images_per_second.value),more:n=>Qn(n.images_per_second)},{name:"Ready in",by:n=>n.ready_in_seconds.value,show:n=>w(n.ready_in_seconds.value),more:n=>Qn(n.ready_in_seconds)},{name:"Running",by:n=>n.running,show:n=>`${f(n.running)} of ${f(n.max)}`},{name:"Taken back",title:"Interruptions in a thousand hours of a machine",by:n=>n.interruptions_per_1000_hours,show:n=>n.market==="Spot"?f(n.interruptions_per_1000_hours):"never",more:n=>n.market==="Spot"?"in 1,000 h":""},{name:"Now",isText:!0,show:({blocked:n,running:o,max:r})=>n?s`<${S} kind="trouble">${n.fault}<//>`:o>=r?s`<${S}>all taken<//>`:s`<${S} kind="action">can be bought<//>`,more:({blocked:n})=>n&&`${n.why}; asked again in ${w(we(n.until,t))}`}]}function Nr({policy:e}){let t=Z(U("market"),10),n=t.value?.offers??[],o=n.reduce((r,a)=>Math.max(r,a.dollars_per_million??0),0)||1;return s`<${x} id="market" title="Market" class="whole" note=${t.value?`${de(n.length,"offer")}, the cheapest work first`:void 0}>
    <${ne} of=${t}>
      ${()=>s`<${I}
        id="market-table"
        label="Offers"
        columns=${Ai(o,t.value?.at??"")}
        groups=${[{key:e.name,rows:n}]}
        keyOf=${r=>r.pool}
        empty="The policy names no place where machines can be bought: the base does it alone."
      />`}
    <//>
    <p class="note">Work is compared, not hours: the price of a machine by what it does in an hour, with the transfer of the images to it.</p>
  <//>`}var Tr=[1,2,5,10,20,50,100,200,500,1e3,2e3,5e3,1e4,2e4,5e4,1e5,2e5,5e5,1e6,2e6,5e6,1e7,1e8,1e9],Oi=[5,10,15,30,60,120,180,300,600,900,1800,3600,7200,14400,28800,86400,604800],an=[{id:"backlog",title:"Backlog",series:[{column:"backlog",name:"jobs",color:"accent",fill:"soft",swatch:"line"}],full:f,axis:J,increments:Tr,topMin:10},{id:"eta",title:"Against the deadline",series:[{column:"drain_eta_seconds",name:"drain ETA",color:"accent",swatch:"line"},{column:"oldest_age_seconds",name:"oldest job",color:"ink-2",dash:[5,4],swatch:"dashed"}],hasDeadline:!0,full:e=>e===null?"never or unknown":w(e),axis:w,increments:Oi,topMin:10},{id:"rates",title:"Rates",series:[{column:"arrival_rate",name:"arrival",color:"ink-2",dash:[5,4],swatch:"dashed"},{column:"service_rate",name:"service",color:"accent",swatch:"line"}],full:D,axis:J,topMin:1},{id:"workers",title:"Workers",series:[{column:"base",name:"base",color:"base",fill:"solid",swatch:"base"},{column:"burst",name:"burst",color:"burst",fill:"solid",swatch:"burst"},{column:"booting",name:"booting",color:"burst",fill:"hatch",swatch:"booting"},{column:"desired",name:"wanted",color:"ink",dash:[2,3],isOver:!0,swatch:"dotted"}],isStacked:!0,isStepped:!0,full:f,axis:J,increments:Tr,topMin:3},{id:"cost",title:"Cost",series:[{column:"cost_per_hour",name:"all",color:"ink-2",fill:"soft",swatch:"grey"},{column:"burst_cost_per_hour",name:"burst",color:"burst",swatch:"burst-line"}],isStepped:!0,full:H,axis:e=>`$${e>=1e3?J(e):Number.isInteger(e)?e:e.toFixed(2)}`,topMin:.1}];var Ri=[0,.25,.5,.75];function Li(e,t){switch(e.kind){case"clear":return{figure:"Clear",rest:"nothing is waiting",spare:""};case"within":return{figure:w(e.seconds),rest:"until the backlog is gone",spare:`${w(e.spare)} to spare`};case"over":return{figure:w(e.seconds),rest:"until the backlog is gone",spare:`${w(e.over)} over`};case"never":return{figure:"Never",rest:"at this rate",spare:Ii(t)};case"unknown":return{figure:"Unknown",rest:"when the backlog will be gone",spare:Hi(t)}}}function Ii(e){let t=`${D(e.arrival_rate)} arrive, ${D(e.service_rate)} can be done`;return e.service_rate_soon>e.service_rate?`${t}, ${D(e.service_rate_soon)} soon`:t}function Hi(e){let t=e.partitions-e.partitions_known;return e.backlog===null?"the backlog is unknown":t>0?`the lag of ${f(t)} of ${f(e.partitions)} partitions is unknown`:e.arrival_rate===null?"the arrival rate is unknown":""}function Wi(e,t){if(t>0)return`About ${de(t,"job")} will be late`;switch(e.kind){case"unknown":return"";case"never":case"over":return"Jobs will be late unless something changes";default:return"No job will be late as things stand"}}function Cr({policy:e}){let t=Mn(e),n=e.drain_within_seconds,{done:o,over:r,isCut:a}=Bo(t,n),{figure:i,rest:l,spare:c}=Li(t,e),p=m=>({width:`${(m*100).toFixed(2)}%`}),d=`Drain ETA: ${i} ${l}. Deadline ${w(n)}. ${c}`;return s`<section class=${`card deadline deadline-${t.kind}`} aria-labelledby="deadline-title">
    <div class="card-head">
      <h2 id="deadline-title">Drain ETA against the deadline</h2>
      <p class="note">every job done within ${w(n)}</p>
    </div>
    <p class="headline">
      <strong class="figure">${i}</strong>
      <span class="figure-rest">${l}</span>
      <span class="spare">${c}</span>
    </p>
    <div class="bar" role="img" aria-label=${d}>
      <div class="track">
        <div class="fill" style=${p(o)}></div>
        <div class="overrun-zone" style=${{left:`${ce*100}%`}}></div>
        <div class="fill-over" style=${{left:`${ce*100}%`,...p(r)}}></div>
        ${a&&s`<div class="cut">›››</div>`}
        ${(t.kind==="never"||t.kind==="unknown")&&s`<div class="track-word">${t.kind==="never"?"never at this rate":"unknown"}</div>`}
      </div>
      <div class="deadline-mark" style=${{left:`${ce*100}%`}}></div>
      <div class="scale" aria-hidden="true">
        ${Ri.map(m=>s`<span class=${m%.5===0?"tick":"tick tick-minor"} style=${{left:`${m*ce*100}%`}}>${w(m*n)}</span>`)}
        <span class="tick tick-deadline" style=${{left:`${ce*100}%`}}>${w(n)} deadline</span>
      </div>
    </div>
    <p class=${e.late_jobs>0?"late is-late":"late"}>${Wi(t,e.late_jobs)}</p>
  </section>`}function tt({name:e,of:t,note:n,children:o}){return s`<div class=${`figure-cell figure-${t}`}>
    <dt>${e}</dt>
    <dd class="figure-value">${o}</dd>
    <dd class="figure-note">${n}</dd>
  </div>`}var Mr=5;function Fi({partitions:e,partitions_known:t,signal_age_seconds:n}){return t<e?`${f(t)} of ${f(e)} partitions known`:n.backlog===null?"age of this unknown":n.backlog>Mr?`as of ${w(n.backlog)} ago`:`over ${f(e)} partitions`}function ji({arrival_rate:e,service_rate:t,service_rate_soon:n}){if(e===null)return"arrival rate unknown";if(n-t>.05)return`${D(n)} soon`;let o=t-e;return o>=0?`${D(o)} to spare`:`short by ${D(-o)}`}function zi({per_day:e,used_day_share:t}){return e===null?"no daily limit":`${Y(t)} of ${y(e)} a day`}function Vr({policy:e}){let{base:t,burst:n,booting:o}=Ut(e.pools),r=e.signal_age_seconds.workers;return s`<dl class="figures card" aria-label="Key figures">
    <${tt} name="Backlog" of="backlog" note=${Fi(e)}>
      <${ee} text=${f(e.backlog)} /><//>
    <${tt} name="Oldest job" of="oldest" note=${`of ${w(e.drain_within_seconds)} allowed`}>
      <${ee} text=${w(e.oldest_age_seconds)} /><//>
    <${tt} name="Arrival → service rate" of="rates" note=${ji(e)}>
      <${ee} text=${D(e.arrival_rate)} /><span class="arrow" aria-hidden="true">→</span><span class="sr"> against </span
      ><${ee} text=${D(e.service_rate)} /><//>
    <${tt}
      name="Workers"
      of="workers"
      note=${r!==null&&r<=Mr?s`<span class="counts" aria-hidden="true"><span>base</span><span>burst</span><span>booting</span></span>`:`heard of ${r===null?"at an unknown time":`${w(r)} ago`}`}
    >
      <span class="counts">
        <span><${te} of="base" />${f(t)}<span class="sr"> base</span></span>
        <span><${te} of="burst" />${f(n)}<span class="sr"> burst</span></span>
        <span><${te} of="booting" />${f(o)}<span class="sr"> booting</span></span>
      </span><//>
    <${tt} name="Cost now" of="cost" note=${`burst ${H(e.burst_cost_per_hour)}`}>
      <${ee} text=${H(e.cost_per_hour)} /><//>
    <${tt} name="Burst today" of="spend" note=${zi(e.budget)}>
      <${ee} text=${y(e.budget.spent_today)} /><${on} share=${e.budget.used_day_share} /><//>
  </dl>`}function Pr({policy:e}){let t=e.last_decision;return s`<section class="card now" aria-labelledby="now-title">
    <div class="card-head">
      <h2 id="now-title">Last decision</h2>
      ${t&&s`<p class="note"><a href=${`#/decisions/${t.id}`}>#${t.id}</a> at ${V(T(t.at))}</p>`}
    </div>
    <div class="now-body" tabindex="0" role="group" aria-label="Last decision and its reasons">
      <p class="sentence">${e.sentence||"Nothing has been decided yet."}</p>
      ${e.hold&&s`<p class="hold"><span class="chip chip-hold">Hold</span> ${e.hold.text} <code>${e.hold.code}</code></p>`}
      <${yt} reasons=${e.reasons.filter(n=>n.code!==e.hold?.code)} />
    </div>
  </section>`}var Bi=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400];function Er(e,t,n){let o=e/t,r=n?.find(i=>i>=o);if(r!==void 0)return r;let a=10**Math.floor(Math.log10(o));return([1,2,5].find(i=>i*a>=o*.999)??10)*a}function Dr(e,t){return Array.from({length:Math.floor(e/t+1e-9)+1},(n,o)=>o*t)}function Ar(e,t,n,o){let r=Bi.find(i=>(t-e)/i<=n)??86400,a=Math.ceil((e+o)/r)*r-o;return{step:r,at:Array.from({length:Math.max(0,Math.floor((t-a)/r)+1)},(i,l)=>a+l*r)}}var Ui=["surface","line","ink","ink-2","ink-3","accent","accent-soft","base","base-fill","burst","burst-fill","bad","warn"];function Rr(){let e=getComputedStyle(document.documentElement);return Object.fromEntries(Ui.map(t=>[t,e.getPropertyValue(`--${t}`).trim()]))}var Nt=_(Rr());matchMedia("(prefers-color-scheme: dark)").addEventListener("change",()=>{Nt.value=Rr()});function Lr(){return getComputedStyle(document.body).fontFamily}var Or=new Map;function Zn(e){let t=Or.get(e);return t===void 0&&(t=Gi(e,6)??e,Or.set(e,t)),t}function Gi(e,t){let n=document.createElement("canvas");n.width=n.height=t;let o=n.getContext("2d");if(!o)return null;o.strokeStyle=e,o.lineWidth=t/3.5,o.beginPath();for(let r of[-t,0,t])o.moveTo(r-1,t+1),o.lineTo(r+t+1,-1);return o.stroke(),o.createPattern(n,"repeat")}var Tt=48,Ct=10,Ir=8,Ki=4,qi=26,Hr=72,Xi=30;function sn(e,t,n,o){let r=n.appendChild(document.createElement("canvas")),a=n.appendChild(document.createElement("span"));a.className="cursor";let i=e.series.map(()=>n.appendChild(document.createElement("span")));for(let u of[a,...i])u.hidden=!0;let l=null,c=null,p=()=>{l&&n.clientWidth>0&&(c=Ji(r,e,l,n,t))},d=u=>{if(!l||!c)return;let{left:g,width:$}=c.box,v=(u.clientX-n.getBoundingClientRect().left-g)/$;o(l.from+Math.min(1,Math.max(0,v))*(l.to-l.from))},m=()=>o(null);n.addEventListener("pointermove",d),n.addEventListener("pointerleave",m);let h=new ResizeObserver(()=>{Math.round(n.clientWidth*devicePixelRatio)!==r.width&&p()});return h.observe(n),{draw:u=>{l=u,p()},point:(u,g)=>{let $=u!==null&&l!==null&&c!==null;a.hidden=!$,i.forEach((v,k)=>{let b=$?c.heights[k][g]:null;v.hidden=b==null,!v.hidden&&(v.className=`cursor-dot swatch-${e.series[k].swatch}`,v.style.transform=`translate(${c.x(l.at[g])}px, ${c.y(b)}px)`)}),$&&(a.style.transform=`translateX(${c.x(u)}px)`)},remove:()=>{h.disconnect(),n.removeEventListener("pointermove",d),n.removeEventListener("pointerleave",m),n.replaceChildren()}}}function Ji(e,t,n,o,r){let[a,i]=[o.clientWidth,o.clientHeight],l=devicePixelRatio;(e.width!==Math.round(a*l)||e.height!==Math.round(i*l))&&(e.width=Math.round(a*l),e.height=Math.round(i*l));let c={left:Tt,top:Ir,width:a-Tt-Ct,height:i-Ir-(r?qi:Ki)},{from:p,to:d}=n,m=Yi(t,n.columns),h=Zi(t,n,m),u={box:c,heights:m,x:$=>c.left+($-p)/(d-p)*c.width,y:$=>c.top+(1-Math.min($/h,1.2))*c.height},g=e.getContext("2d");if(!g)return u;g.setTransform(l,0,0,l,0,0),g.clearRect(0,0,a,i),g.font=`11px ${Lr()}`,es(g,t,n,u,h),r&&os(g,n,u),g.save(),g.beginPath(),g.rect(c.left,0,c.width,c.top+c.height+1),g.clip(),rs(g,n,u);for(let $ of Qi(t))as(g,t,t.series[$],n,u,m[$]);return ss(g,n,u),t.hasDeadline&&ls(g,n,u),g.restore(),u}function Yi(e,t){let n=null;return e.series.map(({column:o,isOver:r})=>{let a=t[o]??[],i=n;return!e.isStacked||r?a:(n=i===null?a:a.map((l,c)=>l===null?i[c]??null:l+(i[c]??0)),n)})}function Qi({series:e,isStacked:t}){let n=e.map((o,r)=>r);return t?[...n.filter(o=>!e[o].isOver).reverse(),...n.filter(o=>e[o].isOver)]:n}function Zi(e,{deadline:t,at:n,from:o},r){let a=0;for(let l of r)for(let c=0;c<l.length;c+=1)n[c]>=o&&(l[c]??0)>a&&(a=l[c]);let i=Math.max(e.topMin,a*1.12);return e.hasDeadline?Math.min(Math.max(i,t*1.25),t*4):i}function es(e,t,{colors:n},{box:o,y:r},a){let i=Er(a,Math.max(1,Math.floor(o.height/Xi)),t.increments);e.textAlign="right",e.textBaseline="middle",e.fillStyle=n["ink-3"],e.strokeStyle=n.line,e.lineWidth=1;for(let l of Dr(a,i)){let c=Math.round(r(l))+.5;eo(e,o.left,c,o.left+o.width,c),e.fillText(t.axis(l),o.left-8,c)}}var ts=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit"}),ns=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"});function os(e,{from:t,to:n,colors:o},{box:r,x:a}){let i=-new Date(t*1e3).getTimezoneOffset()*60,{step:l,at:c}=Ar(t,n,r.width/Hr,i);e.textAlign="center",e.textBaseline="top",e.fillStyle=o["ink-3"];for(let p of c)a(p)>r.left+r.width+Ct-Hr/3||e.fillText((l<60?ns:ts).format(p*1e3),a(p),r.top+r.height+8)}function rs(e,{at:t,from:n,colors:o},{box:r,x:a,heights:i}){let l=i[0];e.fillStyle=Zn(o.line);for(let c=0;c<t.length;c+=1){if(l[c]!==null)continue;let p=c;for(;p+1<t.length&&l[p+1]===null;)p+=1;let d=a(Math.max(n,t[Math.max(0,c-1)]));e.fillRect(d,r.top,Math.max(1,a(t[Math.min(t.length-1,p+1)])-d),r.height),c=p}}function as(e,t,n,o,{box:r,x:a,y:i},l){let{at:c,colors:p}=o,d=new Path2D,m=new Path2D,h=r.top+r.height,u=null,g=0,$=()=>{u!==null&&(m.lineTo(g,h),m.lineTo(u,h),u=null)};for(let v=0;v<c.length;v+=1){let k=l[v];if(k==null){$();continue}let[b,C]=[a(c[v]),i(k)];if(u===null)u=b,d.moveTo(b,C),m.moveTo(b,C);else if(t.isStepped){let M=i(l[v-1]);d.lineTo(b,M),m.lineTo(b,M)}d.lineTo(b,C),m.lineTo(b,C),g=b}$(),n.fill&&(e.fillStyle=is(n,p),e.fill(m)),e.strokeStyle=p[n.color],e.lineWidth=1.75,e.lineCap=n.dash?"butt":"round",e.lineJoin="round",e.setLineDash([...n.dash??[]]),e.stroke(d),e.setLineDash([])}function is({fill:e,color:t},n){return e==="hatch"?Zn(n[t]):e==="solid"?n[t==="base"?"base-fill":"burst-fill"]:t==="accent"?n["accent-soft"]:n.line}function ss(e,{marks:t,colors:n},{box:o,x:r}){e.lineWidth=1,e.globalAlpha=.45,e.setLineDash([2,3]);for(let a of t){let i=Math.round(r(a.at))+.5;e.strokeStyle=n[a.color],eo(e,i,o.top,i,o.top+o.height)}e.globalAlpha=1,e.setLineDash([])}function ls(e,{deadline:t,colors:n},{box:o,y:r}){let a=Math.round(r(t))+.5;e.lineWidth=1.5,e.strokeStyle=e.fillStyle=n.bad,eo(e,o.left,a,o.left+o.width,a),e.font=`600 ${e.font}`,e.textAlign="left",e.textBaseline="bottom",e.fillText("deadline",o.left+4,a-2)}function eo(e,t,n,o,r){e.beginPath(),e.moveTo(t,n),e.lineTo(o,r),e.stroke()}var cs=[[900,"15m"],[3600,"1h"],[21600,"6h"],[86400,"24h"]],us=60,fe=_(null);function ds(e){let{at:t,columns:n,marks:o}=xe.value,r=t.at(-1)??Date.now()/1e3,a=Math.min(Math.max(t[0]??r,r-ke.value),r-us);return{at:t,columns:n,to:r,from:a,marks:ms(o.filter(i=>i.at>=a&&i.at<=r),a,r,Math.max(1,e/ps))}}var ps=12,fs=40;function ms(e,t,n,o){let r=i=>to.length-to.findIndex(([l])=>l===i.kind),a=new Map;for(let i of e){let l=Math.floor((i.at-t)/(n-t)*o),c=a.get(l);(!c||r(i)>r(c))&&a.set(l,i)}return[...a.values()]}function ln(e,t){let n=0,o=e.length;for(;n<o;){let r=n+o>>1;e[r]<=t?n=r+1:o=r}return Math.max(0,n-1)}var hs={grow:"ink",shrink:"ink",order:"ink",trouble:"warn",hold:"ink-3"},to=[["grow","more workers"],["shrink","fewer"],["order","ordered"],["trouble","trouble"],["hold","hold"],["note","other"]];function Wr(e){return xe.value.marks.find(t=>t.at<=e+.5)}var gs=.015;function vs(e,{marks:t,from:n,to:o}){let r=a=>Math.abs(a.at-e);return t.filter(a=>r(a)<=(o-n)*gs).sort((a,i)=>r(a)-r(i))[0]}function no(e){let t=fe.peek(),n=t&&vs(e,t);n&&Zo(n.isOrder?"control":`decisions/${n.id}`)}var bs=120;function _s(e,{from:t,to:n,at:o,marks:r}){let a=Math.max(t,o[0]??t),i=j.peek()??n,l=Math.max(1,(n-t)/bs);switch(e){case"ArrowLeft":case"ArrowDown":return Math.max(a,i-l);case"ArrowRight":case"ArrowUp":return Math.min(n,i+l);case"Home":return a;case"End":return n;case"PageUp":return r.find(c=>c.at<i-.5)?.at??a;case"PageDown":return r.findLast(c=>c.at>i+.5)?.at??n;default:return null}}var nt=_(null);function ws(e,t){let n=j.value??e.to,o=ln(e.at,n),r=t.flatMap(a=>a.series.map(i=>`${a.title} ${i.name} ${a.full(e.columns[i.column]?.[o]??null)}`));return`${V(n)}. ${r.join(", ")}. ${Wr(n)?.sentence??""}`}function $s({specs:e}){let t=fe.value;if(!t)return s`<div class="lane"></div>`;let n=i=>({left:`${((i-t.from)/(t.to-t.from)*100).toFixed(3)}%`}),o=i=>{if(i.key==="Enter")return no(j.peek()??t.to);if(i.key==="Escape"){nt.value=j.value=null;return}let l=_s(i.key,t);l!==null&&(i.preventDefault(),nt.value=j.value=l)},r=i=>{let l=i.currentTarget.getBoundingClientRect();no(t.from+(i.clientX-l.left)/l.width*(t.to-t.from))},a=j.value;return s`<div
    class="lane"
    role="slider"
    tabindex="0"
    aria-label="Time; page up and page down go from decision to decision, enter opens one"
    aria-valuemin=${Math.round(t.from)}
    aria-valuemax=${Math.round(t.to)}
    aria-valuenow=${Math.round(a??t.to)}
    aria-valuetext=${ws(t,e)}
    onKeyDown=${o}
    onClick=${r}
    onBlur=${()=>{nt.peek()!==null&&(nt.value=j.value=null)}}
  >
    ${t.marks.map(i=>s`<span key=${i.id} class=${`mark marker marker-${i.kind}`} style=${n(i.at)}></span>`)}
    ${a!==null&&a>=t.from&&s`<span class="lane-cursor" style=${n(a)}></span>`}
  </div>`}function ys(){let e=fe.value,t=j.value;return!e||t===null?s`<p class="readout"><span class="legend">
      ${to.map(([n,o])=>s`<span class="legend-item"><span class=${`marker marker-${n}`} aria-hidden="true"></span> ${o}</span>`)}
    </span></p>`:s`<p class="readout">
    <strong>${V(t)}</strong> <span class="readout-ago">${w(e.to-t)} ago</span>
    <span class="readout-text">${Wr(t)?.sentence??"before what was decided in view"}</span>
  </p>`}function ks({spec:e}){let t=fe.value,n=t?ln(t.at,j.value??t.to):0,o=r=>t&&t.at.length>0?e.full(t.columns[r.column]?.[n]??null):"–";return s`<span class="legend">
    ${e.series.map(r=>s`<span class="legend-item">
        ${e.series.length>1&&s`<${te} of=${r.swatch} /><span class="legend-name">${r.name}</span>`}
        <strong>${o(r)}</strong>
      </span>`)}
  </span>`}function xs(e,t){if(!t||t.at.length===0)return`${e.title}: nothing yet`;let n=e.series.map(o=>{let r=t.columns[o.column]??[],a=r.reduce((i,l)=>Math.max(i,l??0),0);return`${o.name} now ${e.full(r.at(-1)??null)}, highest ${e.full(a)}`});return`${e.title} over the last ${w(t.to-t.from)}: ${n.join("; ")}`}function Ss({spec:e,hasTimeAxis:t,place:n}){return s`<div class="plot">
    <div class="plot-head">
      <h3>${e.title}</h3>
      <${ks} spec=${e} />
    </div>
    <div class="plot-canvas" role="img" aria-label=${xs(e,fe.value)}>
      <div class=${t?"plot-root with-time":"plot-root"} ref=${n}></div>
    </div>
  </div>`}function Ns(e,t,n){let o=l=>{let c=fe.peek();nt.value=null,j.value=l===null||!c?null:c.at[ln(c.at,l)]??null},r=e.map((l,c)=>sn(l,c===e.length-1,n[c],o)),a=z(()=>{Le.value;let l=ds(n[0].clientWidth-Tt-Ct);fe.value=l;let c=l.marks.flatMap(({at:d,kind:m})=>m==="note"?[]:[{at:d,color:hs[m]}]),p=c.length<=fs?c:[];for(let d of r)d.draw({...l,colors:Nt.value,deadline:t,marks:p})}),i=z(()=>{let l=fe.value,c=j.value,p=l!==null&&c!==null&&c>=l.from;for(let d of r)d.point(p?c:null,p?ln(l.at,c):0)});return()=>{a(),i();for(let l of r)l.remove();fe.value=j.value=nt.value=null}}function oo(){return s`<${Te}
    label="Time range"
    of=${cs}
    value=${ke.value}
    choose=${e=>{ke.value=e}}
  />`}function ro({policy:e,specs:t}){let n=X([]),{drain_within_seconds:o}=e;G(()=>Ns(t,o,n.current.filter(a=>a!==null)),[t,o]);let r=()=>{j.peek()!==null&&no(j.peek())};return s`<${ys} />
    <div class="lane-place" style=${{paddingLeft:`${Tt}px`,paddingRight:`${Ct}px`}}><${$s} specs=${t} /></div>
    <div class="plots" onClick=${r}>
      ${t.map((a,i)=>s`<${Ss}
          key=${a.id}
          spec=${a}
          hasTimeAxis=${i===t.length-1}
          place=${l=>{n.current[i]=l}}
        />`)}
    </div>`}function Ts(){if(Ie.value!==He.value)return"reading …";let{at:e,step:t}=xe.value,n=e[0],o=n===void 0?0:(e.at(-1)??n)-n,r=`a point each ${w(t)}`;return o<ke.value*.95?`${w(o)} are kept, ${r}`:r}function Fr({policy:e}){return Le.value,s`<${x} id="timeline" title="Timeline" class="whole" note=${Ts()} tools=${s`<${oo} />`}>
    <${ro} policy=${e} specs=${an} />
  <//>`}var Cs=5;function Ms({pool:e}){let t=Math.max(e.max,e.ready+e.booting+e.draining,1),n=(o,r)=>s`<span class=${r} style=${{width:`${o/t*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">
    ${n(e.ready,`swatch-${e.kind}`)}${n(e.draining,"slot-draining")}${n(e.booting,"swatch-booting")}
  </span>`}var Vs=[{name:"Pool",isText:!0,show:e=>s`<${te} of=${e.kind} />${e.name}`,more:({cloud:e,machine:t,zone:n,region:o,market:r})=>[e,t,n||o,r].filter(Boolean).join(" · ")},{name:"Of its most",isText:!0,show:e=>s`<${Ms} pool=${e} /><span class="slots-text">${f(e.ready+e.draining+e.booting)} of ${f(e.max)}</span>`},{name:"Ready",by:e=>e.ready,show:e=>f(e.ready)},{name:"Booting",by:e=>e.booting,show:e=>f(e.booting)},{name:"Draining",by:e=>e.draining,show:e=>f(e.draining)},{name:"Wanted",by:e=>e.desired,show:e=>f(e.desired)},{name:"Each does",by:e=>e.rate_per_worker,show:e=>D(e.rate_per_worker),more:e=>e.measured?"measured":"assumed"},{name:"Ready in",by:e=>e.boot_seconds,show:e=>w(e.boot_seconds)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)}];function Ps(){let e=Je.value.slice(0,Cs);return s`<${x} id="recent" title="Recent decisions" tools=${s`<a class="to" href="#/decisions">All decisions</a>`}>
    ${e.length===0?s`<${Ne}>${ie.value.size>0?"Nothing has been decided yet.":"Reading the log …"}<//>`:s`<ol class="entries">${e.map(t=>s`<li key=${t.id}><${qn} decision=${t} /></li>`)}</ol>`}
  <//>`}var Es=an.filter(({id:e})=>e==="backlog"||e==="workers");function jr({policy:e}){let{orphans:t}=e;return s`<${Cr} policy=${e} />
    <${Pr} policy=${e} />
    <${Vr} policy=${e} />
    <${x} id="course" title="Course" class="wide-part" note=${s`<a class="to" href="#/timeline">Timeline</a>`} tools=${s`<${oo} />`}>
      <${ro} policy=${e} specs=${Es} />
    <//>
    <${Ps} />
    <${x}
      id="pools"
      title="Pools"
      class="whole"
      note=${t!==null&&t>0?s`<${S} kind="bad">${f(t)} machines without an intent<//>`:void 0}
    >
      <${I} id="pools-table" label="Pools" columns=${Vs} groups=${[{key:"all",rows:e.pools}]} keyOf=${n=>n.name} />
    <//>`}var Ds=64,ao=1e3;function As(e,t){return Array.from({length:Math.ceil(e.length/t)},(n,o)=>e.slice(o*t,(o+1)*t))}function Os({lag:e,lagMax:t,isNumbered:n}){let o=`partition ${e.partition}: ${e.lag===null?"lag unknown":`${f(e.lag)} waiting`}${e.is_stuck?", stuck":""}`,r=e.lag===null?"unknown":Pn(e.lag,t),a=e.lag===null?"?":J(e.lag);return s`<td class=${`heat heat-${r} ${e.is_stuck?"is-stuck":""}`} title=${o}>
    ${n&&s`<span aria-hidden="true">${a}</span>`}<span class="sr">${e.lag===null?"unknown":f(e.lag)}${e.is_stuck?" stuck":""}</span>
  </td>`}function Rs({topic:e,lags:t,lagMax:n}){let o=t.length<=Ds,r=o?8:32;return s`<table class=${o?"strip":"strip strip-dense"}>
    <caption>${e}${t.length>ao&&`, the first ${f(ao)} of ${f(t.length)} partitions`}</caption>
    <thead class="sr">
      <tr>
        <th scope="col">From partition</th>
        ${Array.from({length:r},(a,i)=>s`<th scope="col">plus ${i}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${As(t.slice(0,ao),r).map(a=>s`<tr>
          <th scope="row">${a[0]?.partition}</th>
          ${a.map(i=>s`<${Os} key=${i.partition} lag=${i} lagMax=${n} isNumbered=${o} />`)}
          ${Array.from({length:r-a.length},()=>s`<td></td>`)}
        </tr>`)}
    </tbody>
  </table>`}function Ls(e){let t=e.filter(i=>i.lag!==null),n=t.reduce((i,l)=>i&&i.lag>=l.lag?i:l,null),o=e.length-t.length,r=o>0?`; ${f(o)} unknown`:"";if(!n)return e.length===0?"no partition is known":`lag of all ${f(e.length)} unknown`;let a=t.reduce((i,{lag:l})=>i+l,0)/t.length;return n.lag===0?`nothing waits${r}`:`most in ${n.partition}: ${f(n.lag)}, ${(n.lag/a).toFixed(1)} × the mean${r}`}function zr({lagMax:e}){return s`<p class="heat-legend" aria-hidden="true">
    0 ${Array.from({length:Vn+1},(t,n)=>s`<span class=${`heat heat-${n}`}></span>`)} ${J(e)}
    <span class="heat heat-unknown"></span> unknown
  </p>`}function Is({lags:e,lagMax:t}){let n=e.map((o,r)=>`${o===null?"var(--heat-unknown)":`var(--heat-${Pn(o,t)})`} ${(r/e.length*100).toFixed(2)}% ${((r+1)/e.length*100).toFixed(2)}%`);return s`<span class="heat-strip" aria-hidden="true" style=${{"--stops":n.join()}}></span>`}var io=e=>e.reduce((t,n)=>n===null?t:Math.max(t??0,n),null);function Hs(e,t){return[{name:"Partition",isText:!0,by:n=>n.partition,show:n=>String(n.partition),more:n=>n.topic},{name:t,isText:!0,show:n=>s`<${Is} lags=${n.lags} lagMax=${e} />`},{name:"Now",by:n=>n.lag,show:n=>f(n.lag)},{name:"Highest",by:n=>io(n.lags),show:n=>f(io(n.lags))},{name:"Read by",isText:!0,by:n=>n.owner,show:n=>n.is_stuck?s`<${S} kind="bad">stuck<//> ${n.owner}`:n.owner??s`<span class="note">nobody says so</span>`}]}function Ws(){let e=Z(U("partitions?from=-1h&points=60"),10),{at:t=[],partitions:n=[],left_out:o=0}=e.value??{},r=n.reduce((c,{lag:p,lags:d})=>Math.max(c,p??0,io(d)??0),0),a=n.filter(c=>c.is_stuck).length,i=t.length>1?`${V(t[0]).slice(0,5)} to ${V(t.at(-1)).slice(0,5)}`:"The last hour",l=[a>0?`${f(a)} stuck`:"none is stuck",...o>0?[`${f(o)} with less lag left out`]:[],...e.value?[`a cell each ${w(e.value.step_seconds)}`]:[]];return s`<${x} id="over-time" title="Over the last hour" class="whole" note=${e.value?l.join(", "):void 0}>
    <${ne} of=${e}>
      ${()=>s`<${I}
          id="partitions-table"
          label="Lag of each partition over time"
          columns=${Hs(r,i)}
          groups=${[{key:"all",rows:n}]}
          keyOf=${c=>`${c.topic}
${c.partition}`}
          empty="No partition is known: the topics cannot be read, or are not there yet."
        />
        <${zr} lagMax=${r} />`}
    <//>
  <//>`}function Br({policy:e}){let t=e.lags.reduce((o,{lag:r})=>Math.max(o,r??0),0),n=new Map;for(let o of e.lags)n.set(o.topic,[...n.get(o.topic)??[],o]);return s`<${x} id="partitions" title="Waiting now" class="whole" note=${Ls(e.lags)}>
      <div class="strips">
        ${[...n].map(([o,r])=>s`<${Rs} key=${o} topic=${o} lags=${r.sort((a,i)=>a.partition-i.partition)} lagMax=${t} />`)}
      </div>
      <${zr} lagMax=${t} />
    <//>
    <${Ws} />`}var Fs={"on-time":"M3.500 8.500l3 3 6-7","at-risk":"M8 3v6.500M8 12.800v.2",late:"M4 4l8 8M12 4l-8 8",holding:"M5.500 3.500v9M10.500 3.500v9",unknown:"M5.300 5.800a2.700 2.700 0 1 1 3.700 2.500c-.7.300-1 .8-1 1.500M8 12.800v.2"};function js({of:e}){return s`<span class=${`badge badge-${e}`}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${Fs[e]} /></svg>
    ${Ue[e]}
  </span>`}var zs={connecting:"Connecting",live:"Live",lost:"Connection lost"};function Bs(){let e=Xt.value,t=F.value==="live"&&ye.value?"stale":F.value,n=t==="stale"?"No news":zs[F.value];return s`<div class=${`connection connection-${t}`}>
    <span class="connection-age">${e===null?"":e<2?"as of now":`as of ${w(Math.floor(e))} ago`}</span>
    <span class="dot" aria-hidden="true"></span>
    <span class="connection-text">${n}</span>
  </div>`}function Ur(){let e=Xt.value,t=ye.value&&e!==null,n=F.value==="lost"?"Connection to the controller lost; trying again.":"The controller sends nothing new.";return s`<aside class="notice-place" aria-label="Connection">
    ${t&&s`<div class="notice">
      <strong>${n}</strong> <span>What is shown is ${w(Math.floor(e))} old.</span>
    </div>`}
  </aside>`}function Gr(){let e=Q.value,t=F.value==="lost"?"Connection lost. ":"";return s`<div class="sr" role="status">${t}${e?`${e.name}: ${Ue[Re(e)]}`:""}</div>`}function Us({policies:e,current:t}){if(e.length<2)return null;let n=(o,r)=>{o.metaKey||o.ctrlKey||o.shiftKey||(o.preventDefault(),qo(r))};return s`<nav class="policies" aria-label="Policies">
    ${e.map(o=>s`<a
        key=${o.name}
        href=${`?policy=${encodeURIComponent(o.name)}`}
        aria-current=${o.name===t?"page":void 0}
        onClick=${r=>n(r,o.name)}
      >
        <span class=${`dot dot-${Re(o)}`} aria-hidden="true"></span>${o.name}<span class="sr">, ${Ue[Re(o)]}</span>
      </a>`)}
  </nav>`}function Gs({policy:{mode:e,pause:t,overrides:n}}){let o=r=>r===null?"":` until ${V(T(r)).slice(0,5)}`;return s`${e==="Recommend"&&s`<${S} kind="quiet">Recommends only<//>`}
    ${t&&s`<a href="#/control"><${S} kind="trouble">Paused${o(t.until)}<//></a>`}
    ${n.map(r=>s`<a href="#/control" key=${r.id}><${S} kind="trouble">${r.pool} overridden${o(r.until)}<//></a>`)}`}var Mt=_(!1);function Kr(){let e=pe.value,t=()=>{Mt.value=!1};return s`<header class=${`rail ${Mt.value?"is-open":""}`}>
    <a class="brand" href="#/" onClick=${t}><img src="icon.svg" width="24" height="24" alt="" /> Spillway</a>
    <button
      type="button"
      class="button menu"
      aria-expanded=${Mt.value}
      aria-controls="menu"
      onClick=${()=>{Mt.value=!Mt.value}}
    >
      ${Qe.value} <span aria-hidden="true">▾</span><span class="sr">, menu</span>
    </button>
    <nav id="menu" aria-label="Screens">
      ${Qt.map(([n,o])=>s`<a key=${n} href=${`#/${n}`} aria-current=${n===e?"page":void 0} onClick=${t}>${o}</a>`)}
    </nav>
  </header>`}function qr(){let e=Q.value;return s`<section class=${ye.value?"top is-stale":"top"} aria-label="Policy and connection">
    <div class="top-row">
      <h1>${e?.name??"Spillway"}</h1>
      ${e&&s`<${js} of=${Re(e)} /><${Gs} policy=${e} />`}
      <${Bs} />
    </div>
    ${e&&s`<${Us} policies=${W.value?.policies??[]} current=${e.name} />`}
  </section>`}function Xr(){let e=B.value;return s`<footer>
    <span>Spillway ${W.value?.version??""}</span>
    ${e&&s`<span>${e.user??"nobody in particular"}, ${e.may_operate?"may read and order":"may read only"}</span>`}
    <span>times of this browser's zone, days of UTC</span>
    <a href="licences.txt">Licences</a>
  </footer>`}function Jr(){let e=X(null),t=X(!0),n=pe.value;return G(()=>{t.current||(e.current?.focus({preventScroll:!0}),scrollTo(0,0)),t.current=!1},[n]),e}function so(e,t,n,o,r){return{id:e,title:t,series:[{column:`${e} edited`,name:"edited",color:"accent",fill:"soft",swatch:"line"},{column:`${e} current`,name:"in force",color:"ink-2",dash:[5,4],swatch:"dashed"}],isStepped:e==="workers",full:n,axis:o,topMin:r}}var Vt=[so("backlog","Backlog",e=>f(e===null?null:Math.round(e)),J,10),so("workers","Bought machines",f,J,3),so("spent","Spent",y,e=>`$${J(e)}`,.1)],lo=_(null);function Yr(e,t){return Object.fromEntries(Vt.flatMap(({id:n})=>[[`${n} current`,e[n]],[`${n} edited`,t[n]]]))}function Qr({answer:{current:e,edited:t,from:n,to:o}}){let r=X([]),a=Nt.value,[i,l]=[e.series,t.series];if(G(()=>{if(!i||!l)return;let{at:m}=i,h={colors:a,at:m,columns:Yr(i,l),from:m[0]??0,to:m.at(-1)??1,deadline:0,marks:[]},u=$=>m.reduce((v,k,b)=>Math.abs(k-$)<Math.abs(m[v]-$)?b:v,0),g=Vt.map(($,v)=>sn($,v===Vt.length-1,r.current[v],k=>{let b=k===null?null:u(k);lo.value=b;for(let C of g)C.point(b===null?null:m[b],b??0)}));for(let $ of g)$.draw(h);return()=>{lo.value=null;for(let $ of g)$.remove()}},[i,l,a]),!i||!l)return null;let c=Yr(i,l),p=lo.value,d=m=>m.reduce((h,u)=>u===null?h:Math.max(h??0,u),null);return s`<p class="readout">${p===null?`the most of each, ${oe(i.at[0])} ${V(i.at[0])} on`:s`<strong>${oe(i.at[p])} ${V(i.at[p])}</strong>`}</p>
    ${Vt.map((m,h)=>s`<div class="plot" key=${m.id}>
        <div class="plot-head">
          <h3>${m.title}</h3>
          <span class="legend">
            ${m.series.map(({column:u,name:g,swatch:$})=>s`<span class="legend-item"><${te} of=${$} /><span class="legend-name">${g}</span> <strong>${m.full(p===null?d(c[u]):c[u][p]??null)}</strong></span>`)}
          </span>
        </div>
        <div role="img" aria-label=${`${m.title} from ${n} to ${o}: ${m.series.map(({column:u,name:g})=>`${g} at most ${m.full(d(c[u]))}`).join(", ")}`}>
          <div
            class=${h===Vt.length-1?"plot-root with-time":"plot-root"}
            ref=${u=>{r.current[h]=u}}
          ></div>
        </div>
      </div>`)}`}var Ks=[1,6,24,72,168].map(e=>[e,e<48?`${e}h`:`${e/24}d`]),co=_(6),cn=_(null),un=_(!1),me=_(null),Zr=L(()=>me.value instanceof ae?me.value.problem.problems??[]:[]);async function qs(e,t){un.value=!0,me.value=null;try{me.value=await be(e,"what-if",{yaml:t,hours:co.peek()})}catch(n){Se(n),me.value=n instanceof Error?n:new Error(String(n))}finally{un.value=!1}}var Xs=[{name:"Cost in all",by:e=>e.total_cost,show:e=>y(e.total_cost)},{name:"Burst",by:e=>e.burst_cost,show:e=>y(e.burst_cost)},{name:"Base",by:e=>e.base_cost,show:e=>y(e.base_cost)},{name:"Late jobs",by:e=>e.late_jobs,show:e=>`${f(e.late_jobs)}${e.late_share===null?"":` (${(e.late_share*100).toFixed(2)}%)`}`},{name:"Longest wait",by:e=>e.wait_max_seconds,show:e=>w(e.wait_max_seconds)},{name:"Usual wait",by:e=>e.wait_p50_seconds,show:e=>w(e.wait_p50_seconds)},{name:"Launches",by:e=>e.launches,show:e=>f(e.launches)}];function Js({by:e},{current:t,edited:n}){let o=e(t),r=e(n);if(o===null||r===null)return s`<span class="unknown">unknown</span>`;if(o===r)return s`<span class="note">the same</span>`;let a=o>0?` ${Y(Math.abs(r-o)/o)}`:"";return s`<${S} kind=${r<o?"action":"trouble"}>${r<o?"▼":"▲"}${a||" more"}<span class="sr">${r<o?" less":" more"}</span><//>`}function Ys(e){return[{name:"Figure",isText:!0,show:({name:t})=>t},{name:"In force",show:({show:t})=>t(e.current)},{name:"Edited",show:({show:t})=>t(e.edited)},{name:"Change",show:t=>Js(t,e)}]}var Qs={"+":"added","-":"removed","@":"place"};function Zs({of:e}){return s`<pre class="diff" tabindex="0" aria-label="Changes of the policy">${e.split(`
`).map(t=>s`<span class=${`line-${Qs[t[0]]??"same"}`}>${t}${`
`}</span>`)}</pre>`}var ta=_("");function ea({text:e,name:t}){return s`<button type="button" class="button small" onClick=${async()=>{ta.value=await navigator.clipboard.writeText(e).then(()=>`${t} copied`,()=>"this browser does not let it be copied")}}>Copy ${t}</button>`}function el({current:e,edited:t}){let[n,o]=[e.total_cost,t.total_cost],r=n===null||o===null?"What it would have cost is unknown":o===n?"It would have cost the same":`It would have cost ${y(Math.abs(o-n))} ${o<n?"less":"more"}`,a=t.late_jobs===null?"how many jobs would have been late is unknown":t.late_jobs===0?"no job would have been late":`${f(t.late_jobs)} jobs would have been late, against ${f(e.late_jobs)}`;return`${r}, and ${a}.`}function tl({answer:e}){let{arrivals:t,gaps_seconds:n,differences:o,diff:r,kubectl:a,how:i,edited:l}=e,c=p=>`${oe(T(p))} ${V(T(p))}`;return s`<${x} id="outcome" title="What would have been" class="whole" note=${`${c(e.from)} to ${c(e.to)}, ${f(t)} images`}>
      <p class="sentence" role="status">${el(e)}</p>
      ${l.budget_exceeded&&s`<p><${S} kind="bad">The edited policy would have been over its budget<//></p>`}
      ${n>0&&s`<p><${S} kind="trouble">${w(n)} were not recorded and count as without arrivals<//></p>`}
      <${I} id="what-if-table" label="Both policies" columns=${Ys(e)} groups=${[{key:"all",rows:Xs}]} keyOf=${p=>p.name} />
      <${Qr} answer=${e} />
      <p class="note">${i}</p>
    <//>
    <${x} id="diff" title="The change" class="half" tools=${s`<span class="buttons"><${ea} text=${r} name="diff" /><${ea} text=${a} name="command" /></span>`}>
      ${r?s`<${Zs} of=${r} />`:s`<p class="empty">Nothing was changed: both are the policy in force.</p>`}
      <p class="note" role="status">${ta.value}</p>
    <//>
    <${x} id="differences" title="Decided otherwise" class="half" note=${o?`${f(o.different)} of ${f(o.plans)} plans`:void 0}>
      ${o?o.first.length===0?s`<p class="empty">Every recorded moment would have been decided in the same way.</p>`:s`<ol class="actions">${o.first.map(p=>s`<li><time datetime=${p.at}>${c(p.at)}</time><span class="line-removed">${p.recorded}</span><span class="line-added">${p.edited}</span></li>`)}</ol>`:s`<p class="empty">The journal does not reach these hours: only the simulator speaks.</p>`}
    <//>`}function nl({of:e}){return s`<ol class="problems">
    ${e.map(({path:t,line:n,column:o,message:r,help:a})=>s`<li><strong>${n===null?t:`line ${n}${o===null?"":`, column ${o}`}`}</strong> ${n===null?"":s`<code>${t}</code>`} ${r}${a?s` <span class="note">${a}</span>`:null}</li>`)}
  </ol>`}function ol({policy:e,manifest:t}){let n=cn.value??t.yaml,o=me.value instanceof Error?me.value:null,r=()=>{cn.value=null,me.value=null};return s`<form
    onSubmit=${a=>{a.preventDefault(),qs(e,n)}}
  >
    <textarea
      class="editor"
      aria-label="Policy as YAML"
      aria-invalid=${Zr.value.length>0?"true":void 0}
      aria-describedby="what-if-failure"
      spellcheck=${!1}
      rows="18"
      value=${n}
      onInput=${a=>{cn.value=a.currentTarget.value}}
    ></textarea>
    <div id="what-if-failure" role="alert">${o&&s`<p class="failure">${_e(o)}</p><${nl} of=${Zr.value} />`}</div>
    <div class="buttons">
      <button type="button" class="button" disabled=${cn.value===null} onClick=${r}>Back to the policy in force</button>
      <button class="button button-main" disabled=${un.value}>${un.value?"Playing …":"Play"}</button>
    </div>
  </form>`}function na({policy:e}){let t=Z(`policies/${encodeURIComponent(e.name)}/manifest`,60),n=me.value;return s`<${x}
      id="what-if"
      title="What if"
      class="whole"
      note="edit the policy, play it over what was recorded; nothing is changed"
      tools=${s`<${Te}
        label="Hours to play"
        of=${Ks}
        value=${co.value}
        choose=${o=>{co.value=o}}
      />`}
    >
      <${ne} of=${t}>${o=>s`<${ol} policy=${e.name} manifest=${o} />`}<//>
    <//>
    ${n&&!(n instanceof Error)&&s`<${tl} answer=${n} />`}`}var rl={"":jr,timeline:Fr,decisions:$r,fleet:kr,partitions:Br,market:Nr,cost:vr,"what-if":na,control:hr,health:Sr};function al(){let e=W.value?"The controller has no policy yet. Give it one with spillway run --policy FILE, or as a ScalingPolicy in its namespace.":F.value==="lost"?"The controller does not answer; trying again.":"Waiting for the controller …";return s`<p class="empty empty-page">${e}</p>`}function il(){let e=Q.value;if(B.value&&!B.value.may_read)return s`<${rn} />`;if(!e)return s`<${al} />`;let t=pe.value;return t===null?s`<p class="empty empty-page">There is no such screen. <a href="#/">To the overview</a></p>`:s`<${rl[t]} key=${e.name} policy=${e} />`}function oa(){let e=Jr();return s`<a
      class="skip"
      href="#main"
      onClick=${t=>{t.preventDefault(),e.current?.focus()}}
      >To the content</a
    >
    <${Kr} />
    <div class="page">
      <${qr} />
      <main id="main" tabindex="-1" ref=${e} aria-label=${Qe.value} class=${`screen-${pe.value||"overview"} ${ye.value?"is-stale":""}`}>
        <${il} />
      </main>
      <${Xr} />
    </div>
    <${Ur} />
    <${cr} />
    <${Gr} />`}var ra=document.getElementById("app");ra&&wn(s`<${oa} />`,ra);z(()=>{let e=Q.value,t=ye.value?"No news":e&&Ue[Re(e)];document.title=e?`${t} · ${e.name} · ${Qe.value} · Spillway`:"Spillway"});ar();})();
